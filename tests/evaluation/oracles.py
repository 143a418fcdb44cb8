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
