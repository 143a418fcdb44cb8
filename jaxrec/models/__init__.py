"""Flax linen modules; they know shapes, but no losses and no configs."""
