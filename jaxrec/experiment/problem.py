"""From a config to the arrays and static facts a stage works on: interactions, environments, specs."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from ml_collections import ConfigDict

from jaxrec.base import ranges
from jaxrec.base.contracts import Algorithm
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import TEST, TRAIN, VALIDATION, Interactions, NextItem, Text, Trajectories
from jaxrec.base.specs import Spec
from jaxrec.data import filters
from jaxrec.losses import returns_to_go as to_go

if TYPE_CHECKING:
    from jaxrec.models.language.tokenizer import Tokenizer

_ROWS = {"train": TRAIN, "test": TEST}


def load_interactions(config: ConfigDict) -> Interactions:
    """The configured dataset, split if it comes unsplit and the config asks for it."""
    from jaxrec.data import datasets, splits

    interactions = datasets.load(config.data.name, config.data.root or None, **config.data.options)
    if config.data.test_fraction and not (interactions.split == TEST).any():
        return splits.random(interactions, test=config.data.test_fraction, seed=config.seed)
    return interactions


def rows(interactions: Interactions, which: str) -> Interactions:
    """The train rows, the test rows, or all."""
    if which == "all":
        return interactions
    if which not in _ROWS:
        raise JaxrecError(f"rows {which!r} is unknown; choose 'train', 'test' or 'all'")
    chosen = interactions.where(interactions.split == _ROWS[which])
    if not len(chosen):
        raise JaxrecError(f"dataset {interactions.name} has no {which} rows; set data.test_fraction or use rows='all'")
    return chosen


def load_text(config: ConfigDict, text: ConfigDict, interactions: Callable[[], Interactions]) -> tuple[Text, Tokenizer]:
    """A configured text as ids, and the tokenizer that made them."""
    from jaxrec.data.documents import item_documents, read_documents
    from jaxrec.models.language import tokenizer

    if bool(text.train) != bool(text.validation):
        raise JaxrecError("a text names both train and validation files, or none (what is said of the items)")
    if text.train:
        root = Path(config.data.root)
        train, validation = (read_documents([root / file for file in files]) for files in (text.train, text.validation))
    else:
        train, validation = item_documents(interactions())
    if text.tokenizer == "bpe":
        found = tokenizer.train(train, text.vocabulary)
    else:
        found = tokenizer.load(Path(config.data.root) / text.tokenizer)
    return Text(found.stream(train), found.stream(validation)), found


def load_sequences(config: ConfigDict, wanted: ConfigDict, log: Interactions) -> tuple[NextItem, Spec]:
    """The log, filtered, split and built as a config's sequences say.

    Raises:
      JaxrecError: an unknown choice, or filters and splits that leave nothing.
    """
    from jaxrec.data import sessions, splits
    from jaxrec.data.long_tail import tail_items
    from jaxrec.data.next_item import next_item

    _check_ranges(wanted)
    choices = {
        "split": ("user", "last_session"),
        "held_out": ("test", "validation"),
        "long": ("cut", "recent"),
    }
    for leaf, known in choices.items():
        if wanted[leaf] not in known:
            raise JaxrecError(f"sequences.{leaf} {wanted[leaf]!r} is unknown; choose one of {', '.join(known)}")
    log = dataclasses.replace(log, split=np.zeros_like(log.split))  # all TRAIN: ours are split whole, not by row
    if not wanted.repeats:
        log = sessions.without_repeats(log)
    gap = round(60 * wanted.session_minutes) or None
    least = {"item": wanted.min_item, "length": wanted.min_session, "sessions": wanted.min_sessions}
    log, session = sessions.keep_frequent(log, gap=gap, **least)
    if wanted.num_users:
        drawn = sessions.sample_users(log, wanted.num_users, seed=config.seed)
        log, session = filters.reindex(log.where(drawn)), session[drawn]
    if wanted.split == "user":
        log = splits.by_user(log, test=wanted.test, validation=wanted.validation, seed=config.seed)
    else:
        log = splits.last_session(log, session, validation=wanted.validation > 0)
    held_out = TEST if wanted.held_out == "test" else VALIDATION
    data = next_item(
        log, length=wanted.length + 1, test=held_out, session=session, joined=wanted.joined, long=wanted.long
    )
    bounds = (float(log.feedback.min()), float(log.feedback.max()))
    tail = tail_items(data.popularity, wanted.head)
    counts = sessions.counts(log, session)
    return data, Spec(log.num_users, log.num_items, wanted.length + 1, reward_range=bounds, tail=tail, counts=counts)


def _check_ranges(sequences: ConfigDict) -> None:
    """Raises JaxrecError at a number of sequences' config that filters, splits or rows cannot have."""
    whole = ("min_item", "min_session", "min_sessions", "num_users")
    shares = ("test", "validation", "head")
    wanted = dict.fromkeys(whole, ranges.WHOLE) | dict.fromkeys(shares, ranges.BELOW_ONE)
    wanted |= {"length": ranges.COUNT, "session_minutes": ranges.NOT_NEGATIVE}
    ranges.check("sequences.", sequences, wanted)


def make_algorithm(config: ConfigDict, spec: Spec) -> Algorithm:
    """What `algorithms/<family>/<file>.py: make` returns for a config that carries its name."""
    return importlib.import_module(f"jaxrec.algorithms.{config.name}").make(config, spec)


def make_environment(
    config: ConfigDict, interactions: Interactions | None, user_model: Any, root: str
) -> tuple[Any, Any]:
    """(environment, params) of `environments/<name>.py`."""
    module = importlib.import_module(f"jaxrec.environments.{config.name}")
    return module.make(config, interactions=interactions, user_model=user_model, root=Path(root) if root else None)


def spec_of_environment(environment: Any, params: Any) -> Spec:
    """The static facts of an environment that follows gymnax's spaces and returns Observations."""
    from gymnax.environments import spaces

    actions, observed = environment.action_space(params), environment.observation_space(params).spaces
    discrete = isinstance(actions, spaces.Discrete)
    return Spec(
        num_users=int(getattr(observed["user"], "n", 1)),
        num_items=int(actions.n) if discrete else 0,
        max_turn=int(params.max_steps_in_episode),
        observation_size=int(observed["vector"].shape[-1]),
        action_size=0 if discrete else int(actions.shape[-1]),
        reward_range=environment.reward_range,
        return_range=tuple(bound * int(params.max_steps_in_episode) for bound in environment.reward_range),
        environment=environment,
    )


def spec_of_interactions(interactions: Interactions) -> Spec:
    """For algorithms that see the log alone: one step per episode."""
    from jaxrec.data import features

    low, high = float(interactions.feedback.min()), float(interactions.feedback.max())
    return Spec(
        interactions.num_users,
        interactions.num_items,
        max_turn=1,
        reward_range=(low, high),
        return_range=(low, high),
        features=(
            features.indicators(interactions.user_features, interactions.num_users),
            features.indicators(interactions.item_features, interactions.num_items),
        ),
    )


def returns_to_go(trajectories: Trajectories) -> np.ndarray:
    """[N, T] undiscounted sums of the rewards from each step on."""
    return to_go.returns_to_go(trajectories.reward, trajectories.mask, xp=np)


def return_facts(trajectories: Trajectories) -> dict[str, tuple[float, ...]]:
    """`Spec`'s fields of logged returns: the range of the returns-to-go, and the deciles of whole episodes' returns."""
    returns = returns_to_go(trajectories)
    known = returns[trajectories.mask]
    deciles = np.quantile(returns[trajectories.mask[:, 0], 0], np.linspace(0.0, 1.0, 11))
    return {"return_range": (float(known.min()), float(known.max())), "episode_returns": tuple(map(float, deciles))}


def interaction_arrays(interactions: Interactions) -> dict[str, Any]:
    """The device columns a logged source gathers from: user, item int32 [E] and feedback float32 [E]."""
    return jax.tree.map(
        np.asarray, {"user": interactions.user, "item": interactions.item, "feedback": interactions.feedback}
    )
