"""Batches gathered on the device from records: windows of episodes, rows of sequences, stretches of text."""
