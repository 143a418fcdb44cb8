"""The static facts of an environment, from gymnax's spaces."""

from __future__ import annotations

from typing import Any

from jaxrec.base.specs import EnvironmentSpec


def of(environment: Any, params: Any, item_ids: Any = None) -> EnvironmentSpec:
    """Returns the facts of an environment.

    Args:
      environment: a `contracts.Environment` with gymnax's spaces.
      item_ids: the log's own ids of the items, where there is a log.
    """
    actions, observed = environment.action_space(params), environment.observation_space(params).spaces
    return EnvironmentSpec(
        num_users=int(observed["user"].n),
        num_items=int(actions.n) if environment.has_item_actions else 0,
        max_turn=int(params.max_steps_in_episode),
        observation_size=int(observed["vector"].shape[-1]),
        action_size=0 if environment.has_item_actions else int(actions.shape[-1]),
        reward_range=environment.reward_range,
        return_range=tuple(bound * int(params.max_steps_in_episode) for bound in environment.reward_range),
        environment=environment,
        item_ids=item_ids,
    )
