"""A LoRA fine-tuning step in PyTorch, transformers' Llama with peft's adapters, for `lora_training.py`.

Reads one JSON line of settings, then for every further line (a number of steps) does that many updates and answers with
the seconds they took. Attention by `scaled_dot_product_attention`, transformers' default.
"""

from __future__ import annotations

import json
import sys

import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

from benchmarks.peers import serve


def build(settings: dict) -> torch.nn.Module:
    """The model with adapters on queries, keys and values; everything else stands still."""
    config = LlamaConfig(
        vocab_size=settings["vocabulary"],
        hidden_size=settings["width"],
        intermediate_size=3 * settings["width"],
        num_hidden_layers=settings["layers"],
        num_attention_heads=settings["heads"],
        num_key_value_heads=settings["heads"] // 2,
        max_position_embeddings=settings["length"],
        tie_word_embeddings=True,
        use_cache=False,
    )
    adapters = LoraConfig(
        r=16, lora_alpha=32, lora_dropout=settings["dropout"], target_modules=["q_proj", "k_proj", "v_proj"]
    )
    return get_peft_model(LlamaForCausalLM(config), adapters)


def main() -> None:
    settings = json.loads(sys.stdin.readline())
    torch.set_num_threads(settings["threads"])
    torch.manual_seed(0)
    device = settings["device"]
    model = build(settings).to(device).train()
    trainable = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trainable, lr=1e-4, weight_decay=1e-4)
    ids = torch.randint(0, settings["vocabulary"], (settings["batch"], settings["length"] + 1), device=device)
    half = settings["dtype"] == "bfloat16"

    def step() -> None:
        with torch.autocast(device, torch.bfloat16, enabled=half):
            logits = model(input_ids=ids[:, :-1]).logits
        loss = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), ids[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trainable, 1.0)
        optimizer.step()

    serve(sys.stdin, step, torch.cuda.synchronize if device == "cuda" else lambda: None)


if __name__ == "__main__":
    main()
