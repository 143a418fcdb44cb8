"""Readers of tables, lines and archives of unknown origin: numpy arrays out, or one clear line."""
