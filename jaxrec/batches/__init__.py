"""Batches gathered on the device from records: windows of episodes, sequences, sessions of a user, blocks of text."""
