"""Simulated users as gymnax environments; one file each with `defaults()` and `make(config, ...)`.

`bridges` hands them to trainers of other projects.
"""
