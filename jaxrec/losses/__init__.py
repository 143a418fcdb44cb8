"""Losses without parameters, written for one sequence or one step; the caller vmaps, weights and averages."""
