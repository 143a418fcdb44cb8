"""The log as sequences of items, for next-item models: filtered, split, cut to rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from jaxrec.base import ranges
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import TEST, VALIDATION, Interactions
from jaxrec.base.specs import SequencesSpec
from jaxrec.data import filters, sessions, splits
from jaxrec.data.long_tail import tail_items
from jaxrec.data.next_item import next_item
from jaxrec.experiment.kinds import Content, Counted, Dataset
from jaxrec.experiment.resources import Resources
from jaxrec.experiment.store import fingerprint

EVALUATORS = ("rankings",)
BESIDE = None
ORIGIN = "trained on `{}`"
_CHOICES = {
    "split": ("user", "last_session"),
    "held_out": ("test", "validation"),
    "long": ("cut", "recent"),
}
_RANGES = {
    **dict.fromkeys(("min_item", "min_session", "min_sessions", "num_users"), ranges.WHOLE),
    **dict.fromkeys(("test", "validation", "head"), ranges.BELOW_ONE),
    "length": ranges.COUNT,
    "session_minutes": ranges.NOT_NEGATIVE,
}
# What says how those to learn from are made, and what was published: sequences that differ in nothing else are measured
# alike.
_LEARNING_ONLY = ("joined", "long", "published")


def options(
    *,
    length: int = 10,
    split: str = "user",
    test: float = 0.1,
    validation: float = 0.1,
    min_item: int = 1,
    min_session: int = 3,
    min_sessions: int = 1,
    num_users: int = 0,
    session_minutes: float = 0.0,
    joined: bool = False,
    repeats: bool = True,
    long: str = "cut",
    held_out: str = "test",
    head: float = 0.1,
    published: Mapping[str, Any] | None = None,
) -> ConfigDict:
    """The log as sequences for next-item models.

    Args:
      length: items a model sees; longer sessions are cut to learn from, and ranked item by item from the last ones.
      split: 'user', whole users (or sessions, where each is a user) drawn at random (T 4.5.1), or 'last_session' of
        each user as test (T 5.4.1).
      test, validation: shares of the users; by last session, whether validation is above 0 is what counts.
      min_item, min_session, min_sessions: events of an item, then events of a session, then sessions of a user.
      num_users: drawn at random after the filters; 0 takes all.
      session_minutes: a longer pause ends a session; 0 makes each user one.
      joined: a user's sessions are one to learn from; those to be measured on stay apart.
      repeats: False leaves out events of a user that repeat the item of the event before (T 5.4.1, Album).
      long: of sessions longer than `length` to learn from, 'cut' learns from every part, 'recent' from the last items
        alone (T 5.4.2).
      held_out: what models are measured on, 'test' or 'validation'.
      head: share of the items that counts as popular; CV_nov is over the rest.
      published: counts that a paper has of the same, some of users, sessions, items and events, and their `source`;
        they are reported beside ours.
    """
    return ConfigDict(
        {
            "length": length,
            "split": split,
            "test": test,
            "validation": validation,
            "min_item": min_item,
            "min_session": min_session,
            "min_sessions": min_sessions,
            "num_users": num_users,
            "session_minutes": session_minutes,
            "joined": joined,
            "repeats": repeats,
            "long": long,
            "held_out": held_out,
            "head": head,
            "published": dict(published or {}),
        }
    )


def inputs(config: ConfigDict, name: str) -> tuple[str, ...]:
    del config, name
    return ()


def load(resources: Resources, name: str) -> Dataset:
    """`records.NextItem` of the log."""
    return of_log(resources.config.datasets[name], lambda: resources.log, seed=resources.config.seed)


def of_log(config: ConfigDict, log: Any, *, seed: int = 0) -> Dataset:
    """A log, filtered, split and cut as the options say.

    Args:
      log: () -> Interactions, called once the options are known to be sound.

    Raises:
      JaxrecError: an unknown choice, or filters and splits that leave nothing.
    """
    ranges.check("sequences.", config, _RANGES)
    for leaf, known in _CHOICES.items():
        if config[leaf] not in known:
            raise JaxrecError(f"sequences.{leaf} {config[leaf]!r} is unknown; choose one of {', '.join(known)}")
    events, session = _split(config, *_filtered(config, log(), seed), seed)
    data = next_item(
        events,
        length=config.length + 1,
        test=TEST if config.held_out == "test" else VALIDATION,
        session=session,
        joined=config.joined,
        long=config.long,
    )
    return Dataset(
        data,
        SequencesSpec(
            events.num_users,
            events.num_items,
            config.length,
            feedback_range=(float(events.feedback.min()), float(events.feedback.max())),
            tail=tail_items(data.popularity, config.head),
            counts=sessions.counts(events, session),
            item_ids=events.item_ids,
            past_sessions=config.split == "last_session",
        ),
    )


def _filtered(config: ConfigDict, events: Interactions, seed: int) -> tuple[Interactions, np.ndarray]:
    """The events that are left, and the session of each."""
    events = dataclasses.replace(events, split=np.zeros_like(events.split))  # all TRAIN: split whole, not by event
    if not config.repeats:
        events = sessions.without_repeats(events)
    gap = round(60 * config.session_minutes) or None
    least = {"item": config.min_item, "length": config.min_session, "sessions": config.min_sessions}
    events, session = sessions.keep_frequent(events, gap=gap, **least)
    if config.num_users:
        drawn = sessions.sample_users(events, config.num_users, seed=seed)
        return filters.reindex(events.where(drawn)), session[drawn]
    return events, session


def _split(config: ConfigDict, events: Interactions, session: np.ndarray, seed: int) -> tuple[Interactions, np.ndarray]:
    if config.split == "user":
        return splits.by_user(events, test=config.test, validation=config.validation, seed=seed), session
    return splits.last_session(events, session, validation=config.validation > 0), session


def spec(resources: Resources, name: str) -> SequencesSpec:
    return resources.dataset(name).spec


def content(resources: Resources, name: str) -> Content:
    """Learned from are the training rows; what is held out changes nothing there."""
    data, facts = resources.dataset(name)
    learned = fingerprint(
        data.train, data.popularity, facts.num_items, facts.length, facts.feedback_range, facts.tail, facts.item_ids
    )
    return Content(learned, fingerprint(learned, data))


def counted(resources: Resources, name: str) -> Counted:
    """The training rows."""
    return Counted(resources.dataset(name).data)


def check_policy(config: ConfigDict, name: str, policy: str) -> None:
    """The model learned from sequences of the same sessions and items, however cut or joined to learn from.

    Raises:
      JaxrecError: it did not.
    """
    own = config.stages[policy].data
    if own not in config.datasets or not _same_sessions(config.datasets[own], config.datasets[name]):
        raise JaxrecError(f"{policy!r} learns from {own!r}, not from {name!r}")


def measured(resources: Resources, name: str, policy: str) -> Dataset:
    """What is held out by `name`, beside rows made as those that the model of stage `policy` learned from."""
    datasets = resources.config.datasets
    own = resources.config.stages[policy].data
    if datasets[own].held_out == datasets[name].held_out:
        return resources.dataset(own)
    config = datasets[own].copy_and_resolve_references()
    config.held_out = datasets[name].held_out
    return resources.once(
        (own, config.held_out), lambda: of_log(config, lambda: resources.log, seed=resources.config.seed)
    )


def measures_alike(one: ConfigDict, other: ConfigDict) -> bool:
    return one.held_out == other.held_out and _same_sessions(one, other)


def _same_sessions(one: ConfigDict, other: ConfigDict) -> bool:
    if one.kind != other.kind:
        return False
    return all(other[leaf] == value for leaf, value in one.items() if leaf not in (*_LEARNING_ONLY, "held_out"))


def facts(resources: Resources, name: str) -> list[str]:
    """How much of the log there is, and what was published of the same."""
    counts = resources.dataset(name).spec.counts
    return [f"Sequences `{name}`: {_counted(counts, resources.config.datasets[name].published)}."]


def _counted(counts: Mapping[str, int], published: Mapping[str, Any]) -> str:
    theirs = {name: published[name] for name in counts if name in published}
    shown = [n for n in counts if n in theirs or n != "users" or counts["users"] != counts["sessions"]]
    ours = ", ".join(f"{counts[name]:,} {name}" for name in shown)
    if not theirs:
        return ours
    differing = ", ".join(f"{number:,} {name}" for name, number in theirs.items() if number != counts[name])
    return f"{ours}; {published['source']} has {differing or 'the same'}"
