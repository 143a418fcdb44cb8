"""What every experiment's config starts from; a file under configs/ holds only what differs."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ml_collections import ConfigDict

from jaxrec.base.errors import JaxrecError


def variant(name: str | None, *made_by: Callable[[ConfigDict], None]) -> Callable[[ConfigDict], None]:
    """The function of a config file that makes the variant of its name; the first one where no name is given.

    Raises:
      ValueError: there is none of that name (what ml_collections' flags report as bad input).
    """
    known = {make.__name__: make for make in made_by}
    if name and name not in known:
        raise ValueError(f"there is no variant {name!r}; choose one of {sorted(known)}")
    return known[name] if name else made_by[0]


def get_config() -> ConfigDict:
    """An experiment without stages yet: see `fit`, `collect`, `evaluate` and `environment` for what to add."""
    return ConfigDict(
        {
            "name": "",  # heads the report
            "paper": "",  # where the method and its table stand
            "seed": 0,  # of everything random: data, parameters, batches, episodes
            "num_seeds": 5,  # learners trained side by side; the interval of the table is over them
            "data": {
                "name": "embedded",  # a file of jaxrec/data/datasets
                "root": "",  # the folder that holds one folder per dataset
                "options": {},  # handed to the dataset's loader
                "test_fraction": 0.0,  # of the rows, drawn at random, where the dataset comes without a test split
            },
            "mesh": {"model": 1},  # devices along the model axis; the rest run data-parallel
            "sharding": (),  # (path regex, axis or None per dimension), first match wins; the rest is replicated
            "checkpoint_seconds": 30.0,  # at least this long between checkpoints
            "environments": {},  # name -> environment(...)
            "texts": {},  # name -> text(...)
            "sequences": {},  # name -> sequences(...)
            "stages": {},  # name -> fit(...), collect(...) or evaluate(...)
            "order": (),  # the stages in the order they run
            "inference": {},  # option -> number, asked at evaluation of the policies that have it; no fit depends on it
            "sweeps": {},  # name -> outputs.sweep(...), such an option varied: what it trades for what
            "reference": {},  # method -> (R_cumu, R_avg, Length) or {'mode/metric': number}, printed beside ours
            "figures": {},  # name -> outputs.figure(...), rows of the last evaluation side by side
            "tables": {},  # name -> outputs.table(...), a paper's tables over the rows of the last evaluation
            "notes": (),  # sentences a reader of the tables must know: what was scaled down, and why
        }
    )


def _with_defaults(package: str, name: str, overrides: dict[str, Any]) -> ConfigDict:
    try:
        module = importlib.import_module(f"jaxrec.{package}.{name}")
    except ModuleNotFoundError as error:
        raise JaxrecError(
            f"there is no jaxrec/{package}/{name.replace('.', '/')}.py; check the name {name!r}"
        ) from error
    config = module.defaults()
    config.lock()
    for leaf, value in overrides.items():
        node, last = config, leaf
        while "__" in last:  # optimizer__learning_rate=... reaches into optimizer
            head, last = last.split("__", 1)
            node = node[head]
        if last not in node:
            raise JaxrecError(f"{package}/{name} has no option {leaf!r}; it has {sorted(config)}")
        node[last] = value
    with config.unlocked():
        config.name = name
    return config


def algorithm(name: str, **overrides: Any) -> ConfigDict:
    """The options of algorithms/<family>/<file>.py, named 'family.file'; `optimizer__clip_norm=1.0` reaches inside."""
    return _with_defaults("algorithms", name, overrides)


def environment(name: str, **overrides: Any) -> ConfigDict:
    """The options of environments/<name>.py, and `user_model`: the fit stage whose ratings fill the missing ones (''
    = none),
    or {split: stage} where more than one split's are needed."""
    user_model = overrides.pop("user_model", "")
    config = _with_defaults("environments", name, overrides)
    with config.unlocked():
        config.user_model = ConfigDict(user_model) if isinstance(user_model, dict) else user_model
    return config


def text(
    *, train: Sequence[str] = (), validation: Sequence[str] = (), tokenizer: str = "bpe", vocabulary: int = 512
) -> ConfigDict:
    """Text for language models.

    Args:
      train, validation: files, below data.root where they are relative; none at all for what is said of the dataset's
        items, every tenth held out.
      tokenizer: a folder, or 'bpe' for one learned from the training text.
      vocabulary: ids of the learned one (257: single bytes).
    """
    return ConfigDict(
        {"train": tuple(train), "validation": tuple(validation), "tokenizer": tokenizer, "vocabulary": vocabulary}
    )


def sequences(
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
    ks: Sequence[int] = (5, 10, 20),
    head: float = 0.1,
    published: Mapping[str, Any] | None = None,
) -> ConfigDict:
    """The log as sequences for next-item models.

    Args:
      length: items a model sees; longer sessions are cut to learn from, and ranked item by item from the last ones.
      split: 'user', whole users (or sessions, where each is a user) drawn at random (T 4.5.1), or 'last_session' of
        each user as test (T 5.4.1).
      test, validation: shares of the users; by last session, whether validation is above 0 is what counts.
      min_item, min_session, min_sessions: rows of an item, then rows of a session, then sessions of a user.
      num_users: drawn at random after the filters; 0 takes all.
      session_minutes: a longer pause ends a session; 0 makes each user one.
      joined: a user's sessions are one to learn from; those to be measured on stay apart.
      repeats: False leaves out rows of a user that repeat the item of the row before (T 5.4.1, Album).
      long: of sessions longer than `length` to learn from, 'cut' learns from every part, 'recent' from the last items
        alone (T 5.4.2).
      held_out: what models are measured on, 'test' or 'validation'.
      ks: where ranked lists are cut.
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
            "ks": tuple(ks),
            "head": head,
            "published": dict(published or {}),
        }
    )


def fit(
    name: str,
    data: str,
    *,
    num_steps: int,
    steps_per_call: int = 100,
    rows: str = "train",
    num_seeds: int = 0,
    text: str = "",
    vectors: str = "",
    **overrides: Any,
) -> ConfigDict:
    """A stage that trains an algorithm.

    Args:
      data: 'interactions', an environment's name (online), a collect stage's (offline), a text's or sequences'.
      num_steps: steps of the loop, each an update or a round of several (`num_updates`, epochs), steps_per_call of them
        per dispatch. 0 leaves the parameters as they start.
      rows: of the interactions: 'train', 'test' or 'all'.
      num_seeds: 0 for the experiment's.
      text: a text that comes with the data, for a language loss.
      vectors: a fit stage of a next-item model, whose item vectors (of seed 0) come with the data and stand still.
      overrides: of the algorithm's options.
    """
    return ConfigDict(
        {
            "kind": "fit",
            "algorithm": algorithm(name, **overrides),
            "data": data,
            "text": text,
            "vectors": vectors,
            "rows": rows,
            "num_seeds": num_seeds,
            "num_steps": num_steps,
            "steps_per_call": steps_per_call,
            "init_from": "",  # a finished fit stage's folder whose parameters to start from
        }
    )


def same_params(fitted: ConfigDict, params_of: str, **changes: Any) -> ConfigDict:
    """A fit stage that trains nothing: the algorithm of the stage `fitted` with changes that no training sees (how it
    searches, what it asks for), on the parameters that the stage named `params_of` leaves, all seeds of it."""
    stage = fitted.copy_and_resolve_references()
    stage.algorithm.update(changes)
    stage.num_steps, stage.params_of = 0, params_of
    return stage


def collect(policy: str, environment: str, *, num_episodes: int, mixture: dict[str, tuple[float, float]]) -> ConfigDict:
    """A stage that logs episodes of a fitted policy (all its seeds in equal parts).

    Args:
      mixture: kind -> (share of the episodes, probability that a step is uniformly random instead).
    """
    return ConfigDict(
        {
            "kind": "collect",
            "policy": policy,
            "environment": environment,
            "num_episodes": num_episodes,
            "mixture": mixture,
        }
    )


def evaluate(
    policies: Sequence[str], environment: str, *, modes: Sequence[str] = ("FB", "NX_0", "NX_10"), **overrides
) -> ConfigDict:
    """A stage that plays fitted policies in an environment, all seeds, and writes the table and plots; or, where a text
    or sequences are named as the environment, measures fitted models on them (without modes)."""
    config = ConfigDict(
        {
            "kind": "evaluate",
            "policies": tuple(policies),
            "environment": environment,
            "modes": tuple(modes),
            "num_envs": 100,  # users at once
            "num_episodes": 100,  # per mode and seed
            "selection": "greedy",  # greedy or sample, for policies over items
        }
    )
    config.lock()
    config.update(overrides)
    config.unlock()
    return config
