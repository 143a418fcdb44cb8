"""One file for each question; each prints one JSON line for each case (see README.md)."""
