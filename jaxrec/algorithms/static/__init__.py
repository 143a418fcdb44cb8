"""Policies that learn nothing from acting: what a learned policy has to beat."""
