"""One file per question; each prints one JSON line (see README.md)."""
