"""Policies that are counted and not trained: baselines that a learned policy has to beat."""
