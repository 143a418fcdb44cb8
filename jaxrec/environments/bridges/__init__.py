"""Our environments for other people's trainers; each function takes the (env, params) that `make` gives.

    trainer                                function               what it gives
    rejax, the scripts of purejaxrl        five_values            (env, params) of gymnax before 1.0, in JAX
    any that takes gymnasium.Env           gymnasium_env          NumPy, one user
    any that takes gymnasium.vector        gymnasium_vector       NumPy, many users, one compiled call a turn
    Stable-Baselines3, sb3-contrib         stable_baselines3      the same, as their VecEnv

All take `mode`, the name of an evaluation mode (see `environments.modes`): FB (the default), NX_0, NX_10, ... And all
take `forbid_start`: whether the modes NX forbid the starting item after the first turn, as EasyRL4Rec's do; and
`observation`, of a flat vector float32 [D]:

    compact    user / (N - 1), item / (A - 1), feedback, turn / time limit, and the environment's own vector; an index
               of which there is only one is left out. D is 4 in the environments over items.
    one_hot    the same with user and item as N and A numbers, one of them 1.

`item` is the item that was recommended last, at turn 0 the starting item; `feedback` is its reward, at turn 0 it is 0.
"""

from __future__ import annotations

from typing import Any

from gymnasium.vector import AutoresetMode

from jaxrec.base.contracts import Environment
from jaxrec.base.errors import JaxrecError
from jaxrec.environments import modes
from jaxrec.environments.bridges.five_value_steps import FiveValues
from jaxrec.environments.bridges.gymnasium_single_env import User
from jaxrec.environments.bridges.gymnasium_vector_env import Users

OBSERVATIONS = {"compact": "scaled", "one_hot": "one_hot"}  # the name -> how FlatObservation writes ids


def five_values(
    env: Environment, params: Any, *, mode: str = "FB", observation: str = "compact", forbid_start: bool = False
) -> tuple[FiveValues, Any]:
    """Returns (env, params) as trainers for gymnax before 1.0 take them (see `FiveValues`).

    Raises:
      JaxrecError: an unknown mode or observation, or a mode that the environment cannot be played in.
    """
    if observation not in OBSERVATIONS:
        raise JaxrecError(f"observation is {observation!r}; set it to one of {', '.join(OBSERVATIONS)}")
    played = modes.parse(mode)
    params = modes.apply(played, env, params, forbid_start)
    return FiveValues(env, params, played, OBSERVATIONS[observation], forbid_start), params


def gymnasium_env(
    env: Environment, params: Any, *, mode: str = "FB", observation: str = "compact", forbid_start: bool = False
) -> User:
    """Returns a `gymnasium.Env` of one user after the other (see `User`).

    Raises:
      JaxrecError: as in `five_values`.
    """
    return User(*five_values(env, params, mode=mode, observation=observation, forbid_start=forbid_start))


def gymnasium_vector(
    env: Environment,
    params: Any,
    *,
    num_envs: int = 64,
    mode: str = "FB",
    observation: str = "compact",
    forbid_start: bool = False,
    autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
) -> Users:
    """Returns a `gymnasium.vector.VectorEnv` of `num_envs` users (see `Users`).

    Args:
      autoreset_mode: Gymnasium's, by value or name: NextStep (its default), SameStep or Disabled.

    Raises:
      JaxrecError: as in `five_values`, or num_envs below 1.
    """
    return Users(
        *five_values(env, params, mode=mode, observation=observation, forbid_start=forbid_start),
        num_envs,
        autoreset_mode,
    )


def stable_baselines3(
    env: Environment,
    params: Any,
    *,
    num_envs: int = 64,
    mode: str = "FB",
    observation: str = "compact",
    forbid_start: bool = False,
) -> Any:
    """Returns a Stable-Baselines3 `VecEnv` of `num_envs` users (see `StableBaselines3Users`).

    Raises:
      JaxrecError: as in `gymnasium_vector`, or Stable-Baselines3 is not installed.
    """
    try:
        from jaxrec.environments.bridges.stable_baselines3_users import StableBaselines3Users
    except ModuleNotFoundError as error:
        raise JaxrecError(f"{error.name} is not installed; pip install -e '.[bridges]' in the checkout") from error
    users = gymnasium_vector(
        env,
        params,
        num_envs=num_envs,
        mode=mode,
        observation=observation,
        forbid_start=forbid_start,
        autoreset_mode=AutoresetMode.SAME_STEP,
    )
    return StableBaselines3Users(users)
