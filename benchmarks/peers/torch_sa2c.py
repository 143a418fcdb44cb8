"""SA2C's training step in PyTorch, with `torch.nn.GRU` as encoder, for `next_item.py`.

Reads one JSON line of settings, then for every further line (a number of steps) does that many updates and answers with
the seconds they took. As in jaxrec: every place of a row learns (or one), two networks of which a coin draws the one
that learns, the best action of each state found once, items and feedback embedded by one table, the softmax over all
items.
"""

from __future__ import annotations

import json
import sys

import torch
from torch import nn
from torch.nn import functional

from benchmarks.peers import serve


class Network(nn.Module):
    """Encoder, output head and Q-values."""

    def __init__(self, num_items: int, width: int):
        super().__init__()
        self.width = width
        self.items = nn.Embedding(num_items, 2 * width)
        self.gru = nn.GRU(width, width, batch_first=True)
        self.output, self.values = nn.Linear(width, num_items), nn.Linear(width, num_items)
        for table in (self.items, self.output, self.values):
            nn.init.normal_(table.weight, std=width**-0.5)

    def states(self, item: torch.Tensor, feedback: torch.Tensor) -> torch.Tensor:
        base, response = self.items(item).split(self.width, dim=-1)
        return self.gru(base + feedback[..., None] * response)[0]

    def value(self, hidden: torch.Tensor, item: torch.Tensor) -> torch.Tensor:
        """Q [..., K] of items [..., K] at states [..., D]."""
        chosen = functional.embedding(item, self.values.weight)
        return (chosen * hidden[..., None, :]).sum(-1) + self.values.bias[item]


def loss(own: Network, other: Network, item: torch.Tensor, feedback: torch.Tensor, settings: dict) -> torch.Tensor:
    """SA2C's after its warm-up, of rows [B, T] that are full and end their sessions."""
    discount = settings["discount"]
    label, reward = item[:, 1:], feedback[:, 1:]
    ended = torch.zeros_like(label, dtype=torch.bool)
    ended[:, -1] = True
    hidden = own.states(item[:, :-1], feedback[:, :-1])
    with torch.no_grad():
        others = other.states(item[:, :-1], feedback[:, :-1])
    if settings["targets"] == "one":
        row, place = torch.arange(len(item))[:, None], torch.randint(label.shape[1], (len(item), 1))
        both = torch.cat([place, (place + 1).clamp(max=label.shape[1] - 1)], 1)
        hidden, others = hidden[row, both], others[row, both]
        label, reward, ended = label[row, place], reward[row, place], ended[row, place]
    with torch.no_grad():
        best = own.values(hidden).argmax(-1)
        here = other.value(others, best[..., None])[..., 0]
    places = label.shape[1]
    after = here.roll(-1, 1)[:, :places].masked_fill(ended, 0.0)
    here, hidden = here[:, :places], hidden[:, :places]
    negatives = torch.randint(settings["num_items"], (*label.shape, settings["num_negatives"]))
    counts = negatives != label[..., None]
    values = own.value(hidden, torch.cat([label[..., None], negatives], -1))
    taken, sampled = values[..., 0], values[..., 1:]
    positive = (reward + discount * after - taken).square().mean()
    negative = ((discount * here[..., None] - sampled).square() * counts).sum(-1).mean()
    with torch.no_grad():
        mean = (taken + (sampled * counts).sum(-1)) / (1 + counts.sum(-1))
        advantage = (taken - mean).clamp(0, 10)
    entropy = functional.cross_entropy(own.output(hidden).flatten(0, 1), label.flatten(), reduction="none")
    return (advantage.flatten() * entropy).mean() + 0.5 * (positive + negative)


def main() -> None:
    settings = json.loads(sys.stdin.readline())
    torch.set_num_threads(settings["threads"])
    torch.manual_seed(0)
    networks = [Network(settings["num_items"], settings["width"]) for _ in range(2)]
    optimizers = [torch.optim.Adam(network.parameters(), lr=5e-3, fused=True) for network in networks]
    items = torch.randint(settings["num_items"], (settings["rows"], settings["length"] + 1))
    feedback = torch.ones(items.shape)

    def step() -> None:
        row = torch.randint(len(items), (settings["batch"],))
        drawn = int(torch.rand(()) < 0.5)
        total = loss(networks[drawn], networks[1 - drawn], items[row], feedback[row], settings)
        optimizers[drawn].zero_grad()
        total.backward()
        optimizers[drawn].step()

    serve(sys.stdin, step, lambda: None)


if __name__ == "__main__":
    main()
