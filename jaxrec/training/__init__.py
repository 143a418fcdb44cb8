"""The one loop and what it is made of: learners, sources, optimizers, sharding, checkpoints."""
