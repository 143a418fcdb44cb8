"""Evaluators: what a policy earns in episodes, how a next-item model ranks, how well a language model predicts."""
