"""Logs on the host: loaders, downloads, filters, splits and sequences, from files to `Interactions` and `NextItem`."""
