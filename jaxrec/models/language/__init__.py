"""Language models as backbones: one decoder for the GPT-2 and Llama families, read from local Hugging Face folders."""
