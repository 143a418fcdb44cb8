"""Online actor-critic algorithms and their networks."""
