"""Virtual Taobao V0 (Shi et al., AAAI 2019): a simulated customer of an online shop, the networks its authors released.

reset: the user is one one-hot draw for each feature group of generator(z), z uniform in [0, 1)^128; the user will leave
       at page T ~ softmax(leave(user)).
step:  clicks (11 values, the reward) and page index (10 values) are drawn from the softmax of the two parts of
       response([user, steps, action]), where `steps` counts the steps before this one. Then steps grows by 1, and the
       user leaves (terminated) once steps >= T.

With `leave = "cirs"` the rule of CIRS replaces T: the user leaves if the action is within `leave_threshold` (Euclidean,
inclusive) of one of the last N - 1 actions. The episode length then depends on the policy; under T it cannot. CIRS
(Gao et al., TOIS 2023) plays at most 50 turns with a threshold of 3 and N = 5 (`published/cirs_virtual_taobao.json`).
The weights must be downloaded: three `.pt` files as released, or `.npz` with the same names.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from gymnax.environments import environment, spaces
from ml_collections import ConfigDict

from jaxrec.base import files, ranges
from jaxrec.base.contracts import Array
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Observation
from jaxrec.environments import exit_rules, sampling, torch_weights

GROUPS = (8, 8, 11, 11, 11, 11, 2, 2, 3, 18, 3)  # user features, one-hot within each
FIRST = np.cumsum((0, *GROUPS[:-1]))
USER, NOISE, ACTION, CLICKS, PAGES = sum(GROUPS), 128, 27, 11, 10
SHAPES = {
    "generator": (NOISE, 128, USER),
    "action": (USER + 1 + ACTION, 128, 256, CLICKS + PAGES),
    "leave": (USER, 128, 256, 101),
}
LEAVE = ("page", "cirs")
Network = tuple[tuple[Array, Array], ...]

RANGES = {
    "folder": ranges.TEXT,
    "leave": ranges.choice(*LEAVE),
    "leave_threshold": ranges.NOT_NEGATIVE,
    "leave_window": ranges.at_least(2),
    "window_mode": ranges.choice(*exit_rules.WINDOWS),
    "max_turn": ranges.COUNT,
}


def defaults() -> ConfigDict:
    return ConfigDict(
        {
            "folder": "virtual_taobao",  # under data.root: generator_model, action_model, leave_model as .pt or .npz
            "leave": "page",  # page (the released leave network) or cirs (users leave when actions repeat)
            "leave_threshold": 3.0,  # Euclidean distance in the action space; only for cirs
            "leave_window": 5,  # N of the exit window: an action is compared with the last N - 1; only for cirs
            "window_mode": "last_n",  # last_n or easyrl4rec; only for cirs
            "max_turn": 100,  # pages at most; the leave network never says more than 100
        }
    )


@struct.dataclass
class EnvState:
    """One customer in an episode.

    Attributes:
      user: float32 [88]. leave_page, time: int32.
      recent: float32 [N - 1, 27], the last actions, newest first; [0, 27] with `leave = "page"`.
    """

    user: Array
    leave_page: Array
    time: Array
    recent: Array


@struct.dataclass
class EnvParams:
    """The released networks and the rule by which customers leave.

    Attributes:
      generator, response, leave_network: layers (kernel [in, out], bias [out]).
      leave_threshold: float32 []. window: N - 1, or 0 with `leave = "page"`.
    """

    generator: Network
    response: Network
    leave_network: Network
    leave_threshold: Array
    leave: str = struct.field(pytree_node=False)
    window: int = struct.field(pytree_node=False)
    window_mode: str = struct.field(pytree_node=False)
    max_steps_in_episode: int = struct.field(pytree_node=False)


@struct.dataclass
class StartDraws:
    """The random numbers of a reset, uniform in [0, 1).

    Attributes:
      noise: [128], the input of the generator. groups: [11], each picks the one-hot value of a group of features.
      leave: [], picks the page at which the customer leaves.
    """

    noise: Array
    groups: Array
    leave: Array


def make(
    config: ConfigDict, *, interactions: Any = None, user_model: Any = None, root: Path | str | None = None
) -> tuple[VirtualTaobao, EnvParams]:
    """Makes (environment, params) with the weights under `root / config.folder`.

    Raises:
      JaxrecError: settings that cannot be, or weights that are missing or of other shapes.
    """
    del interactions, user_model
    where = "environment 'virtual_taobao': "
    ranges.check(where, config, RANGES)
    if root is None:
        raise JaxrecError(f"{where}no folder of data given; set data.root to the folder that holds {config.folder}/")
    networks = {name: load_network(Path(root) / config.folder, name) for name in SHAPES}
    params = EnvParams(
        generator=networks["generator"],
        response=networks["action"],
        leave_network=networks["leave"],
        leave_threshold=jnp.float32(config.leave_threshold),
        leave=config.leave,
        window=int(config.leave_window) - 1 if config.leave == "cirs" else 0,
        window_mode=config.window_mode,
        max_steps_in_episode=int(config.max_turn),
    )
    return VirtualTaobao(params), params


def facts(config: ConfigDict, interactions: Any) -> list[str]:
    """Returns the sentence on when customers leave for the report."""
    del interactions
    if config.leave == "page":
        return ["Customers leave at the page that the released network draws, whatever is shown to them."]
    rule = f"within {config.leave_threshold:g} of one of the last {config.leave_window - 1}"
    return [f"Customers leave as in CIRS, when an action is {rule}; at most {config.max_turn} turns."]


def load_network(folder: Path, name: str) -> Network:
    """Reads `<name>_model.npz`, or else `.pt`, as layers (kernel [in, out], bias [out]).

    Raises:
      JaxrecError: no such file, other shapes, or numbers that are not finite.
    """
    path = next((p for p in (folder / f"{name}_model.npz", folder / f"{name}_model.pt") if p.exists()), None)
    if path is None:
        raise JaxrecError(f"{folder} has neither {name}_model.pt nor .npz; download the weights of VirtualTaobao")
    tensors = torch_weights.read(path) if path.suffix == ".pt" else files.read_npz(path, "download the weights again")
    sizes = SHAPES[name]
    layers = []
    for i, (width_in, width_out) in enumerate(zip(sizes[:-1], sizes[1:], strict=True)):
        weight, bias = tensors.get(f"{2 * i}.weight"), tensors.get(f"{2 * i}.bias")
        if weight is None or bias is None or weight.shape != (width_out, width_in) or bias.shape != (width_out,):
            raise JaxrecError(f"{path}: layer {2 * i} is not {width_in} -> {width_out}; these are not {name}'s weights")
        if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
            raise JaxrecError(f"{path}: layer {2 * i} holds numbers that are not finite; download the weights again")
        layers.append((jnp.asarray(weight.T, jnp.float32), jnp.asarray(bias, jnp.float32)))
    return tuple(layers)


def apply_network(layers: Network, x: Array) -> Array:
    """Applies Linear, LeakyReLU(0.01), ..., Linear to x [in]."""
    for kernel, bias in layers[:-1]:
        x = jax.nn.leaky_relu(x @ kernel + bias, 0.01)
    kernel, bias = layers[-1]
    return x @ kernel + bias


def sample_user(uniform: Array, logits: Array) -> Array:
    """Draws a customer's features, one category of each group: float32 [88] from uniform [11] and logits [88]."""
    category = np.arange(max(GROUPS))
    exists = category < np.array(GROUPS)[:, None]
    grouped = jnp.where(exists, logits[np.minimum(FIRST[:, None] + category, USER - 1)], -jnp.inf)
    index = sampling.inverse_cdf(uniform, jax.nn.softmax(grouped, -1))
    return jnp.zeros(USER).at[FIRST + index].set(1.0)


class VirtualTaobao(environment.Environment[EnvState, EnvParams]):
    """Simulates customers (see above). Actions are clipped to [-1, 1]^27; an observation's `vector` is [91]."""

    has_item_actions = False
    has_exit_switch = False
    reset_chunk = 64  # rows reset at a time: a new customer costs two networks, and one in eight leaves each step

    def __init__(self, params: EnvParams):
        self._default_params = params
        self.reward_range = (0.0, float(CLICKS - 1))

    @property
    def default_params(self) -> EnvParams:
        return self._default_params

    def reset_env(self, key: Array, params: EnvParams) -> tuple[Observation, EnvState]:
        uniform = jax.random.uniform(key, (NOISE + len(GROUPS) + 1,))
        return self.begin(StartDraws(uniform[:NOISE], uniform[NOISE:-1], uniform[-1]), params)

    def begin(self, draws: StartDraws, params: EnvParams) -> tuple[Observation, EnvState]:
        """Returns the observation and state of the customer that the draws make."""
        user = sample_user(draws.groups, apply_network(params.generator, draws.noise))
        leave_page = sampling.inverse_cdf(draws.leave, jax.nn.softmax(apply_network(params.leave_network, user)))
        state = EnvState(user, leave_page, jnp.int32(0), jnp.zeros((params.window, ACTION)))
        return _observe(state, jnp.int32(0), jnp.int32(0)), state

    def step_env(
        self, key: Array, state: EnvState, action: Array, params: EnvParams
    ) -> tuple[Observation, EnvState, Array, Array, dict[str, Array]]:
        return self.advance(jax.random.uniform(key, (2,)), state, action, params)

    def advance(
        self, uniform: Array, state: EnvState, action: Array, params: EnvParams
    ) -> tuple[Observation, EnvState, Array, Array, dict[str, Array]]:
        """Returns what `step_env` does, from the draws uniform [2] of clicks and page index."""
        action = jnp.clip(action, -1.0, 1.0)
        steps = state.time.astype(jnp.float32)
        logits = apply_network(params.response, jnp.concatenate([state.user, steps[None], action]))
        clicks = sampling.inverse_cdf(uniform[0], jax.nn.softmax(logits[:CLICKS]))
        page = sampling.inverse_cdf(uniform[1], jax.nn.softmax(logits[CLICKS:]))
        terminated = _leaves(state, action, params)
        recent = jnp.concatenate([action[None], state.recent])[: params.window]
        state = EnvState(state.user, state.leave_page, state.time + 1, recent)
        reward = clicks.astype(jnp.float32)
        return _observe(state, clicks, page), state, reward, terminated, {"discount": 1.0 - terminated}

    def item_facts(self, params: EnvParams) -> dict[str, np.ndarray]:
        """Returns {}: actions are no items."""
        del params
        return {}

    @property
    def name(self) -> str:
        return "virtual_taobao"

    @property
    def num_actions(self) -> int:
        """Returns how many numbers an action has."""
        return ACTION

    def action_space(self, params: EnvParams | None = None) -> spaces.Box:
        return spaces.Box(-1.0, 1.0, (ACTION,), jnp.float32)

    def observation_space(self, params: EnvParams) -> spaces.Dict:
        high = jnp.concatenate([jnp.ones(USER), jnp.array([CLICKS - 1.0, PAGES - 1.0, np.inf])])
        return spaces.Dict(
            {
                "user": spaces.Discrete(1),
                "item": spaces.Discrete(1),
                "feedback": spaces.Box(0.0, CLICKS - 1.0, (), jnp.float32),
                "turn": spaces.Discrete(np.iinfo(np.int32).max),
                "vector": spaces.Box(jnp.zeros(USER + 3), high, (USER + 3,), jnp.float32),
            }
        )


def _leaves(state: EnvState, action: Array, params: EnvParams) -> Array:
    """Returns whether the customer leaves after the action, bool []."""
    if params.leave == "page":
        return state.time + 1 >= state.leave_page
    count = exit_rules.window_size(state.time, params.window, params.window_mode)
    near = jnp.linalg.norm(action[None] - state.recent, axis=-1) <= params.leave_threshold
    return jnp.any(near & (jnp.arange(params.window) < count))


def _observe(state: EnvState, clicks: Array, page: Array) -> Observation:
    last = jnp.stack([clicks, page, state.time]).astype(jnp.float32)
    zero = jnp.int32(0)
    vector = jnp.concatenate([state.user, last])
    return Observation(user=zero, item=zero, feedback=clicks.astype(jnp.float32), turn=state.time, vector=vector)
