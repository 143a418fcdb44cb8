"""The questions that benchmarks answer, and how a recorded line answers each: our figure, the peer's, their ratio.

A line belongs to the first question whose pattern matches the line's `name`. `ratio` says how many times as fast as the
peer jaxrec is. Where the peer is another program of ours, `peer` says so; where there is none, it is '-'.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from jaxrec.reporting.progress import duration, short

Line = dict[str, Any]


class Answer(NamedTuple):
    """One row of a question's table, every cell as it is printed."""

    case: str
    ours: str
    peer: str = "-"
    ratio: str = "-"


class Question(NamedTuple):
    """A question with a table of its own.

    Attributes:
      about: what is measured, in a sentence or two.
      pattern: regex of the `name` of lines that answer the question.
      answer: (line) -> a row, or None where the line stands in the row of another one.
    """

    title: str
    about: str
    pattern: str
    answer: Callable[[Line], Answer | None]

    def matches(self, line: Line) -> bool:
        """Returns whether the line answers this question."""
        return re.fullmatch(self.pattern, line["name"]) is not None


def seconds(value: float | None) -> str:
    """Writes seconds in the unit that suits them."""
    if value is None:
        return "-"
    for limit, scale, unit in ((1e-3, 1e6, "µs"), (1.0, 1e3, "ms")):
        if value < limit:
            return f"{value * scale:.3g} {unit}"
    return duration(value)


def times(ratio: float) -> str:
    """Writes a ratio as '12 x', with two significant digits below ten."""
    return f"{ratio:.0f} x" if ratio >= 10 else f"{ratio:.2g} x"


def _environment(line: Line) -> Answer | None:
    if line["name"].endswith("_gymnasium"):
        return None  # the peer, which stands in our rows
    rules = {"coat": "Coat's exit rule", "kuairec": "KuaiRec's exit rule", "virtual": "VirtualTB, released networks"}
    case = f"{rules[line['name'].split('_')[1]]}, {line['num_envs']:,} users at once"
    ours, peer = line["steps_per_s"], line.get("peer_steps_per_s")
    if peer is None:
        return Answer(case, f"{short(ours)} steps/s")
    ratio = times(ours / peer) if line["num_envs"] == 100 else "-"  # the peer was measured with 100 users
    return Answer(case, f"{short(ours)} steps/s", f"{short(peer)} steps/s (Gymnasium, 100 users)", ratio)


def _bridge(line: Line) -> Answer:
    bridge = {"five_values": "five values, in a compiled scan", "vector_compact": "Gymnasium vector, compact",
              "vector_one_hot": "Gymnasium vector, one-hot"}[line["name"].removeprefix("bridge_")]  # fmt: skip
    ours, itself, plain = (line[leaf] for leaf in ("steps_per_s", "environment_steps_per_s", "peer_steps_per_s"))
    scanned = line["name"] == "bridge_five_values"
    peer = f"{short(itself)} steps/s (the environment itself)" if scanned else f"{short(plain)} steps/s (SyncVectorEnv)"
    ratio = times(ours / (itself if scanned else plain))
    return Answer(f"{bridge}, {line['num_envs']:,} users at once", f"{short(ours)} steps/s", peer, ratio)


def _other_trainer(line: Line) -> Answer:
    method = {"ppo": "PPO", "maskable_ppo": "MaskablePPO"}[line["name"].removeprefix("trainer_stable_baselines3_")]
    case = f"{method}, {line['mode']}, {line['observation'].replace('_', '-')} observation, {line['steps']:,} steps"
    ours = (
        f"{line['before']:.1f} before, {line['sampled']:.1f} after (greedy {line['greedy']:.1f}); "
        f"trained in {seconds(line['train_s'])}"
    )
    return Answer(case, ours, f"{line['random']:.1f} (random), {line['static_cycle']:.1f} (static_cycle)")


def _world_steps(line: Line) -> Answer:
    case = f"{line['num_items']:,} items, {line['num_envs']:,} users at once"
    return Answer(case, f"{short(line['steps_per_s'])} steps/s")


def _world(line: Line) -> Answer:
    what = {"world_generate": "generate the world", "world_titles": "write the titles", "world_images": "paint images",
            "world_log": "log the users' sessions"}  # fmt: skip
    rate = next((f", {short(line[leaf])} {leaf.removesuffix('_per_s')}/s" for leaf in ("images_per_s", "rows_per_s")
                 if leaf in line), "")  # fmt: skip
    case = f"{what[line['name']]}: {line['num_items']:,} items, {line['num_users']:,} users"
    return Answer(case, seconds(line["median_s"]) + rate)


def _collect(line: Line) -> Answer:
    ours = f"{short(line['steps_per_s'])} steps/s, {short(line['update_steps_per_s'])} with an update every 15"
    return Answer(f"state encoder {line['name'].removeprefix('collect_')}, {line['num_envs']:,} users at once", ours)


def _off_policy(line: Line) -> Answer:
    _, method, ratio = line["name"].split("_")
    case = f"{method.upper()}, updates per step: {line['updates_per_step']:g}"
    return Answer(case, f"{short(line['steps_per_s'])} steps/s")


def _transformer(line: Line) -> Answer:
    peer = f"{seconds(line['torch_step_s'])} (GPT-2 of transformers, PyTorch)"
    return Answer(f"batch of {line['batch_size']}", seconds(line["jaxrec_step_s"]), peer, times(line["speedup"]))


def _search(line: Line) -> Answer:
    ours = f"{line['incremental_ms_per_user']:.2g} ms a user"
    peer = f"{line['loop_ms_per_user']:.2g} ms (M Algorithm 1 as printed), {line['dt_ms_per_user']:.2g} ms (DT)"
    ratio = f"{times(line['speedup_over_loop'])}, {1 / line['multiple_of_dt']:.2g} x"
    return Answer(f"{line['users']} users, histories of 20 turns", ours, peer, ratio)


def _lora(line: Line) -> Answer:
    case = f"width {line['width']}, {line['layers']} layers, {line['batch']} x {line['length']} tokens"
    full = f"{line['lora_to_full']:.2g} of the full step's {seconds(line['full_step_s'])}"
    return Answer(
        case,
        f"{seconds(line['lora_step_s'])} ({full})",
        f"{seconds(line['torch_step_s'])} (peft, PyTorch)",
        times(line["speedup"]),
    )


def _next_item_train(line: Line) -> Answer:
    one, every = short(line["one_place_sequences_per_s"]), short(line["every_place_sequences_per_s"])
    ours = f"{one} sequences/s ({every} with a loss at every position)"
    peer = f"{short(line['recbole_sequences_per_s'])} sequences/s (RecBole)"
    return Answer("training, one loss a sequence", ours, peer, times(line["speedup"]))


def _next_item_rank(line: Line) -> Answer:
    ours = f"{short(line['last_place_users_per_s'])} users/s"
    peer = f"{short(line['recbole_users_per_s'])} users/s (RecBole)"
    return Answer("ranking of each user's last item among all", ours, peer, times(line["speedup"]))


def _values(line: Line) -> Answer:
    learned = {"all": "every position of a sequence", "one": "one position of a sequence"}[line["targets"]]
    peer = f"{seconds(line['torch_step_s'])} (PyTorch)"
    case = f"{line['num_items']:,} items, {learned}"
    return Answer(case, seconds(line["jaxrec_step_s"]), peer, times(line["speedup"]))


def _catalogue(line: Line) -> Answer:
    ours = f"{seconds(line['median_s'])}, {line['added_gb']:.2g} GB added"
    return Answer(f"{line['num_items']:,} items, {line['kind']} logits", ours)


def _growth(line: Line) -> Answer:
    return Answer(f"{line['events']:,} events, {line['num_items']:,} items", seconds(line["median_s"]))


def _sequences(line: Line) -> Answer:
    case = line["name"].removeprefix("sequences_").replace("_", " ")
    return Answer(f"{case}, {line['events']:,} events", f"{short(line['events_per_s'])} events/s")


def _retail(line: Line) -> Answer:
    ours = (
        f"prepared in {seconds(line['prepare_s'])}; {line['steps']} steps in {seconds(line['train_block_s'])}; "
        f"{line['targets']:,} positions ranked in {seconds(line['rank_s'])}; peak {line['peak_gb']:.2g} GB"
    )
    return Answer(f"{line['events']:,} events, {line['items']:,} items", ours)


def _evaluation(line: Line) -> Answer:
    return Answer("three modes, 300 episodes in all", f"{seconds(line['median_s'])} ({line['env_steps']:,} steps)")


def _second_start(line: Line) -> Answer:
    ours, peer = (f"{seconds(line[f'{n}_s'])} ({seconds(line[f'{n}_core_s'])} of cores)" for n in ("second", "first"))
    case = f"{line['config']}, {line['rounds']} round{'s' * (line['rounds'] > 1)}"
    return Answer(case, ours, f"{peer}, first start", times(line["speedup"]))


QUESTIONS = (
    Question("Environments: steps a second under random actions",
             "Nothing but the environment, with auto-reset: what a step costs, not how fast anything trains. A "
             "ratio stands where both had as many users at once.", r"env_\w+", _environment),
    Question("Bridges: steps a second in the hands of other people's trainers",
             "Coat's exit rule under random actions. The five-value environment stays in JAX; a vector is called from "
             "Python once a turn and gives NumPy, beside the same environment written in plain Gymnasium.",
             r"bridge_\w+", _bridge),
    Question("What Stable-Baselines3 learns through the bridge",
             "The mean return of an episode in a simulator of Coat's training ratings, the one that it is trained in; "
             "one seed.", r"trainer_\w+", _other_trainer),
    Question("The embedded world: steps a second", "The same for the generated users.", "world_steps", _world_steps),
    Question("The embedded world: how long it takes to make", "On the host and the device, without compiling.",
             r"world_(?!steps)\w+", _world),
    Question("Collecting with a policy", "A2C's policy in a Coat-rule environment.", r"collect_\w+", _collect),
    Question("Learning online from a replay buffer",
             "MovieLens-1M's size: act, step, store, sample, update. EasyRL4Rec does not install beside jaxrec, so "
             "that no peer ran beside it.", r"train_\w+", _off_policy),
    Question("A decision transformer's training step", "Width 128, 3 layers, 20 turns; the same loss and batch.",
             "dt_training_step", _transformer),
    Question("MDT4Rec's search over the history length",
             "One cache for each start step, beside the algorithm as printed and beside a DT action, which has no "
             "search. All searches give the same actions.", "history_search", _search),
    Question("A step of LoRA fine-tuning", "A Llama of random weights, adapters of rank 16 on Q, K and V.",
             "lora_training_step", _lora),
    Question("Next-item models: training", "SASRec on 3,000 items, length 50; same batch, loss and number of threads.",
             "next_item_train", _next_item_train),
    Question("Next-item models: ranking", "The same model, every user's last item among all items.",
             "next_item_evaluate", _next_item_rank),
    Question("Learning values of the next item: a step of SA2C",
             "GRU of width 64, 256 sequences a batch, 10 negatives.",
             "sa2c_step", _values),
    Question("Cross-entropy over a large catalogue",
             "5,120 predictions, value and gradient; chunks of rows beside all logits at once.", "catalogue_loss",
             _catalogue),
    Question("How a training step grows with the log and the catalogue", "SASRec, batches of 256 sequences.",
             "growth", _growth),
    Question("From a log to sequences", "Filters, split, padded sequences in buckets, the items that users met before.",
             r"sequences_\w+", _sequences),
    Question("Does a shop's log fit", "The whole way on one machine, with the exact loss over all items.",
             "retail_scale", _retail),
    Question("An evaluation", "FB, NX_0 and NX_10 by a random policy, all metrics.", r"evaluate_\w+", _evaluation),
    Question("How much sooner does a second start end",
             "Whole commands, from Python's start to the report, in fresh workdirs: the first compiles and keeps every "
             "program, the second finds them. Both measure the same numbers.", "second_start", _second_start),
)  # fmt: skip
