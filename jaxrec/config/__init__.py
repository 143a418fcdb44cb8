"""What configs are written with; nothing here loads data or compiles."""
