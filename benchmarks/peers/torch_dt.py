"""The published Decision Transformer's training step in PyTorch, on transformers' GPT2Model, for `dt_training.py`.

Reads one JSON line of settings, then for every further line (a number of steps) does that many updates and answers with
the seconds they took. Attention weights are not dropped and GPT-2's own positions are not added, as in jaxrec.
"""

from __future__ import annotations

import json
import sys

import torch
from torch import nn
from transformers import GPT2Config, GPT2Model

from benchmarks.peers import serve


class NoPositions(nn.Module):
    def forward(self, position_ids: torch.Tensor) -> torch.Tensor:
        return torch.zeros(1, 1, 1)


class DecisionTransformer(nn.Module):
    """Tokens (R, s, a), linear embeddings, learned timesteps, action by tanh from the state's token."""

    def __init__(self, width, num_layers, num_heads, dropout, max_turn, observation_size, action_size):
        super().__init__()
        config = GPT2Config(
            vocab_size=1,
            bos_token_id=0,
            eos_token_id=0,
            n_embd=width,
            n_layer=num_layers,
            n_head=num_heads,
            resid_pdrop=dropout,
            embd_pdrop=dropout,
            attn_pdrop=0.0,
            use_cache=False,
        )
        self.backbone = GPT2Model(config)
        self.backbone.wpe = NoPositions()
        self.timestep = nn.Embedding(max_turn + 1, width)
        self.embed = nn.ModuleList(nn.Linear(size, width) for size in (1, observation_size, action_size))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, action_size)

    def forward(self, returns, states, actions, timestep):
        time_token = self.timestep(timestep)
        tokens = [embed(x) + time_token for embed, x in zip(self.embed, (returns, states, actions), strict=True)]
        sequence = self.norm(torch.stack(tokens, 2).flatten(1, 2))
        return torch.tanh(self.head(self.backbone(inputs_embeds=sequence).last_hidden_state[:, 1::3]))


def main() -> None:
    settings = json.loads(sys.stdin.readline())
    torch.set_num_threads(settings["threads"])
    device = settings["device"]
    torch.manual_seed(0)
    batch_size, steps = settings["batch_size"], settings["context_length"]
    observations, size = settings["observation_size"], settings["action_size"]
    model = DecisionTransformer(
        settings["width"],
        settings["num_layers"],
        settings["num_heads"],
        settings["dropout"],
        settings["max_turn"],
        observations,
        size,
    ).to(device)
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=6e-4, weight_decay=1e-4)
    forward = torch.compile(model) if settings["compile"] else model
    draw = lambda *shape: torch.randn(*shape, device=device)  # noqa: E731
    batch = (draw(batch_size, steps, 1), draw(batch_size, steps, observations), draw(batch_size, steps, size))
    timestep = torch.arange(steps, device=device).repeat(batch_size, 1)
    mask = torch.ones(batch_size, steps, device=device)

    def step() -> None:
        output = forward(*batch, timestep)
        loss = ((output - batch[2]).square().mean(-1) * mask).sum() / mask.sum()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    serve(sys.stdin, step, torch.cuda.synchronize if device == "cuda" else lambda: None)


if __name__ == "__main__":
    main()
