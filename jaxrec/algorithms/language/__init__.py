"""Language modelling: to train a prior, and to keep one while something else is learned on top of it."""
