"""Decision transformers: offline control as modelling of (return, state, action) sequences."""
