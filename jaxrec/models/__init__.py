"""Flax linen modules; they know shapes, not losses and not configs."""
