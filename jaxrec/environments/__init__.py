"""Simulated users as gymnax environments; one file each with `defaults()` and `make(config, ...)`."""
