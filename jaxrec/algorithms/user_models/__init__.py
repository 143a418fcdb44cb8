"""User models: they predict the ratings that a log lacks, and so complete the rewards of an environment (M 4.1)."""
