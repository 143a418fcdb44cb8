"""jaxrec: recommenders trained by reinforcement learning and language models, on accelerators."""

__version__ = "0.1.0"
