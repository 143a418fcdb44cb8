"""Language modelling: training a language model, and using a trained one as the prior of another network (M 3.3)."""
