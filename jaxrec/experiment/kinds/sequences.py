"""The log as sequences of items, for next-item models: filtered, split, cut to rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from jaxrec.base import ranges
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import TEST, VALIDATION, Interactions, NextItem
from jaxrec.base.specs import SequencesSpec
from jaxrec.data import filters, sessions, splits
from jaxrec.data.long_tail import tail_items
from jaxrec.data.next_item import next_item
from jaxrec.data.popularity import COUNTED
from jaxrec.experiment.kinds import Content, Counted, Dataset
from jaxrec.experiment.resources import Resources
from jaxrec.experiment.store import fingerprint

EVALUATORS = ("rankings",)
BESIDE = None
ORIGIN = "trained on `{}`"
_HELD_OUT = {"test": TEST, "validation": VALIDATION}
_SPLITS = ("user", "last_session", "leave_one_out", "given")
# Splits of single events: what is held out goes on with its user's sequence.
_OF_EVENTS = ("leave_one_out", "given")
RANGES = {
    **dict.fromkeys(("min_item", "min_session", "min_sessions", "num_users"), ranges.WHOLE),
    **dict.fromkeys(("test", "validation", "head"), ranges.BELOW_ONE),
    "length": ranges.COUNT,
    "session_minutes": ranges.NOT_NEGATIVE,
    "split": ranges.choice(*_SPLITS),
    "held_out": ranges.choice(*_HELD_OUT),
    "long": ranges.choice("cut", "recent"),
    "popularity": ranges.choice(*COUNTED),
    "joined": ranges.SWITCH,
    "repeats": ranges.SWITCH,
    "published.source": ranges.TEXT,
    "published.*": ranges.WHOLE,
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
    popularity: str = "events",
    published: Mapping[str, Any] | None = None,
) -> ConfigDict:
    """The log as sequences for next-item models.

    Args:
      length: items a model sees; longer sessions are cut to learn from, and ranked item by item from the last ones.
      split: 'user', whole users (or sessions, where each is a user) drawn at random (T 4.5.1); 'last_session' of each
        user as test (T 5.4.1); 'leave_one_out', each user's last event as test and the one before as validation, each
        ranked from all that came before it (Kang and McAuley, Self-Attentive Sequential Recommendation, ICDM 2018); or
        'given', the test and validation events that the log brings, ranked likewise.
      test, validation: shares of the users; by last session or event, whether validation is above 0 is what counts.
      min_item, min_session, min_sessions: events of an item, then events of a session, then sessions of a user.
      num_users: drawn at random after the filters; 0 takes all.
      session_minutes: a longer pause ends a session; 0 makes each user one.
      joined: a user's sessions are one to learn from; those to be measured on stay apart.
      repeats: False leaves out events of a user that repeat the item of the event before (T 5.4.1, Album).
      long: of sessions longer than `length` to learn from, 'cut' learns from every part, 'recent' from the last items
        alone (T 5.4.2).
      held_out: what models are measured on, 'test' or 'validation'.
      head: share of the items that counts as popular; CV_nov is over the rest.
      popularity: what is counted of an item among the training events, 'events' or 'users'.
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
            "popularity": popularity,
            "published": dict(published or {}),
        }
    )


def ranges_of(options: ConfigDict) -> Mapping[str, ranges.Range]:
    del options
    return RANGES


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
    ranges.check("sequences.", config, RANGES)
    if config.split in _OF_EVENTS and config.session_minutes:
        raise JaxrecError(
            f"sequences.split {config.split!r} takes the events of a user as one session: set session_minutes to 0"
        )
    events = log()
    if config.session_minutes and not events.time.any():
        raise JaxrecError(
            f"sequences.session_minutes is {config.session_minutes:g}, but {events.name} has no times: set it to 0, or "
            "name the column of times (own files do so by data.options.timestamp)"
        )
    events, session = _split(config, *_filtered(config, events, seed), seed)
    data = next_item(
        events,
        length=config.length + 1,
        test=_HELD_OUT[config.held_out],
        session=session,
        joined=config.joined,
        continued=config.split in _OF_EVENTS,
        long=config.long,
        popularity=config.popularity,
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
    if config.split != "given":
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
    if config.split == "given":
        return _given(config, events), session
    if config.split == "leave_one_out":
        return splits.leave_last(events, test=1, validation=int(config.validation > 0)), session
    return splits.last_session(events, session, validation=config.validation > 0), session


def _given(config: ConfigDict, events: Interactions) -> Interactions:
    """The log as it is. Raises: JaxrecError where it holds nothing out."""
    if not (events.split == _HELD_OUT[config.held_out]).any():
        raise JaxrecError(
            f"{events.name} brings no {config.held_out} events: name them (own files do so by data.options.split or "
            f"data.options.{config.held_out}_path), or set sequences.split to another of {', '.join(_SPLITS)}"
        )
    return events


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
    """How the log was read, how much of it there is, what was published of the same, and how many targets nobody can
    have learned."""
    data, spec = resources.dataset(name)
    config = resources.config.datasets[name]
    said = [*resources.log.notes, f"Sequences `{name}`: {_counted(spec.counts, config.published)}."]
    own = resources.log.split.any() and not resources.config.data.test_fraction
    if own and config.split != "given":
        said.append(
            f"Sequences `{name}`: the split that the log brings is not used, but '{config.split}'; it is where "
            f"datasets.{name}.split is 'given'."
        )
    return [*said, *cold_targets(data, f"{config.held_out} targets of `{name}`")]


def cold_targets(data: NextItem, named: str) -> list[str]:
    """A sentence on the targets whose item has no training event, which a ranking counts as any other; none where there
    are no such targets.

    Args:
      named: the targets, in words.
    """
    targets = np.concatenate([rows.item[:, 1:][rows.mask[:, 1:]] for rows in jax.tree.map(np.asarray, data.test)])
    cold = int((np.asarray(data.popularity)[targets] == 0).sum())
    if not cold:
        return []
    return [
        f"{cold:,} of the {len(targets):,} {named} ({100 * cold / len(targets):.3g} %) are items without a training "
        "event: no model has learned of them, and they count like any other target, that is as misses."
    ]


def _counted(counts: Mapping[str, int], published: Mapping[str, Any]) -> str:
    theirs = {name: published[name] for name in counts if name in published}
    shown = [n for n in counts if n in theirs or n != "users" or counts["users"] != counts["sessions"]]
    ours = ", ".join(f"{counts[name]:,} {name}" for name in shown)
    if not theirs:
        return ours
    differing = ", ".join(f"{number:,} {name}" for name, number in theirs.items() if number != counts[name])
    return f"{ours}; {published['source']} has {differing or 'the same'}"
