"""The environments once more, slowly and plainly: one user at a time, lists, float64. Frozen: change the fast ones."""

from __future__ import annotations

import math

import numpy as np


def window(actions: list, size: int, mode: str) -> list:
    """Earlier actions that the exit rule looks at, oldest first; `easyrl4rec` is the slice [t - N : t] of a list."""
    turn = len(actions)
    if mode == "easyrl4rec":
        return actions[turn - size : turn]
    return actions[-size:]


class DistanceRule:
    """Leaves if an item of the window is strictly nearer than the threshold, by the columns of the completed matrix."""

    def __init__(self, matrix, threshold, size, mode):
        self.columns = np.asarray(matrix, np.float64).T
        self.threshold, self.size, self.mode = threshold, size, mode
        self.known = {}

    def distance(self, a, b):
        if (a, b) not in self.known:
            pairs = zip(self.columns[a], self.columns[b], strict=True)
            self.known[a, b] = math.sqrt(sum((x - y) ** 2 for x, y in pairs))
        return self.known[a, b]

    def leaves(self, actions, action):
        return any(self.distance(action, a) < self.threshold for a in window(actions, self.size, self.mode))


class CategoryRule:
    """Leaves if a category of the item occurs more than `threshold` times among the items of the window.

    Items without a category have the category -1, as in the published code.
    """

    def __init__(self, categories, threshold, size, mode):
        self.sets = [set(np.flatnonzero(row)) or {-1} for row in np.asarray(categories)]
        self.threshold, self.size, self.mode = threshold, size, mode

    def leaves(self, actions, action):
        seen = [c for a in window(actions, self.size, self.mode) for c in self.sets[a]]
        return any(seen.count(c) > self.threshold for c in self.sets[action])


def published_leaves(tags, actions, size, threshold):
    """The published category rule on whole episodes, bool [B, T]: tag lists, one comparison of every two tags.

    tags: int [A, K], padded with -2; an item without tags has the one tag -1. actions: int [B, T], no turn left out.
    """
    leaves = np.zeros(actions.shape, bool)
    for turn in range(1, actions.shape[1]):
        past = actions[:, :turn][:, turn - size : turn]  # their slice, whose start may be negative
        own, seen = tags[actions[:, turn]], tags[past].reshape(len(actions), -1)
        count = (own[:, :, None] == seen[:, None, :]).sum(-1)
        leaves[:, turn] = ((count > threshold) & (own != -2)).any(1)
    return leaves


def published_recommendations(start, scores, steps):
    """Items of EasyRL4Rec's modes without repeats, int [B, T]: greedy; the start is forbidden after the first turn.

    start: int [B], the item that each episode starts with. scores: function of (turn, last item [B]) to float [B, A].
    """
    items, last = [], start
    for turn in range(steps):
        score = np.array(scores(turn, last), np.float64)
        for forbidden in [start, *items] if turn else []:
            score[np.arange(len(start)), forbidden] = -np.inf
        last = score.argmax(1)
        items.append(last)
    return np.stack(items, 1)


class FeedbackMatrix:
    """`step(action) -> (reward, terminated, truncated)` for one user."""

    def __init__(self, matrix, rule, user, *, max_turn=30, exits=True):
        self.row, self.rule, self.max_turn, self.exits = matrix[user], rule, max_turn, exits
        self.actions = []

    def step(self, action):
        turn = len(self.actions)
        terminated = self.exits and turn > 0 and self.rule.leaves(self.actions, action)
        self.actions.append(action)
        return self.row[action], terminated, turn >= self.max_turn - 1


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def network(layers, x):
    """Linear, LeakyReLU(0.01), ..., Linear over {"0.weight", "0.bias", "2.weight", ...}, torch's [out, in]."""
    indices = sorted(int(name.split(".")[0]) for name in layers if name.endswith("weight"))
    for i in indices:
        x = layers[f"{i}.weight"] @ x + layers[f"{i}.bias"]
        if i != indices[-1]:
            x = np.where(x > 0, x, 0.01 * x)
    return x


def drawn(logits, uniform, found):
    """Whether inverting softmax's distribution function at `uniform` gives `found`, float32 rounding of logits apart.

    Logits reach 40,000, so their last bits move an edge by up to a percent.
    """
    rounding = 1e-5 + 4e-7 * np.abs(logits).max()
    edges = np.concatenate([[0.0], np.cumsum(softmax(logits))])
    return edges[found] - rounding <= uniform <= edges[found + 1] + rounding


class VirtualTaobao:
    """One customer; choices are handed in (they were drawn from uniforms) and checked against the networks."""

    groups = (8, 8, 11, 11, 11, 11, 2, 2, 3, 18, 3)

    def __init__(self, networks, *, leave="page", threshold=1.0, size=4, mode="last_n", max_turn=100):
        self.networks, self.max_turn = networks, max_turn
        self.leave, self.threshold, self.size, self.mode = leave, threshold, size, mode

    def reset(self, noise, groups, leave, user, leave_page):
        """Whether `user` and `leave_page` are what the uniforms give."""
        logits = network(self.networks["generator"], noise)
        right, first = True, 0
        for width, uniform in zip(self.groups, groups, strict=True):
            part = user[first : first + width]
            right &= part.sum() == 1 and drawn(logits[first : first + width], uniform, int(part.argmax()))
            first += width
        self.user, self.leave_page, self.actions = user, leave_page, []
        return right and drawn(network(self.networks["leave"], user), leave, leave_page)

    def step(self, action, uniform, clicks, page):
        """(whether clicks and page are what the uniforms give, terminated, truncated)."""
        steps = len(self.actions)
        logits = network(self.networks["action"], np.concatenate([self.user, [steps], action]))
        right = drawn(logits[:11], uniform[0], clicks) and drawn(logits[11:], uniform[1], page)
        if self.leave == "page":
            terminated = steps + 1 >= self.leave_page
        else:
            past = window(self.actions, self.size, self.mode)
            terminated = any(np.linalg.norm(action - a) <= self.threshold for a in past)
        self.actions.append(action)
        return right, terminated, steps + 1 >= self.max_turn
