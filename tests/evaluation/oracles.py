"""The metrics once more, from lists of recommended items per episode."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np


def cosine(a, b):
    norm = math.sqrt(sum(a * a)) * math.sqrt(sum(b * b))
    return float(sum(a * b)) / norm if norm else 0.0


def metrics(episodes, rewards, popularity, vectors):
    """episodes, rewards: one list each per episode. Popularity counts and vectors as in a catalogue."""
    steps = sum(len(r) for r in rewards)
    pairs = [[1 - cosine(vectors[a], vectors[b]) for a, b in combinations(e, 2)] for e in episodes]
    shares = [(n + 1) / (sum(popularity) + len(popularity)) for n in popularity]
    shown = [i for e in episodes for i in e]
    return {
        "R_cumu": sum(sum(r) for r in rewards) / len(rewards),
        "R_avg": sum(sum(r) for r in rewards) / steps,
        "Length": steps / len(rewards),
        "coverage": len(set(shown)) / len(popularity),
        "diversity": float(np.mean([np.mean(p) for p in pairs if p])) if any(pairs) else 0.0,
        "novelty": float(np.mean([-math.log2(shares[i]) for i in shown])),
    }


def easyrl4rec(episodes, similarity, popularity):
    """EasyRL4Rec's metrics of lists of items: pairs of an episode in order, natural logarithms, means of means."""
    diversity, novelty = [], []
    for items in episodes:
        pairs = [1 - similarity[a][b] for a, b in combinations(items, 2)]
        if pairs:
            diversity.append(sum(pairs) / (len(items) * (len(items) - 1) / 2))
        novelty.append(sum(-math.log(popularity[i]) for i in items) / len(items))
    shown = [i for items in episodes for i in items]
    return {
        "CV_turn": len(set(shown)) / len(shown),
        "diversity_easyrl4rec": float(np.mean(diversity)) if diversity else 0.0,
        "novelty_easyrl4rec": float(np.mean(novelty)),
    }
