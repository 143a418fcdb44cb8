"""Readers of tables, lines and archives of unknown origin: NumPy arrays come out, or an error of one clear line."""
