"""The questions that benchmarks answer, and what of a recorded line answers each: ours, the peer's, their ratio.

A line belongs to the first question with a pattern that its `name` matches. `ratio` says how many times as fast as the
peer jaxrec is; where nothing stands beside it, or what does is another program of ours, `peer` says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from jaxrec.reporting.progress import duration, short

Line = dict[str, Any]


class Answer(NamedTuple):
    """One row of a question's table, in words."""

    case: str
    ours: str
    peer: str = "-"
    ratio: str = "-"


class Question(NamedTuple):
    """`pattern` matches the names of the benchmarks that answer it; `answer` makes a row of a line."""

    title: str
    about: str
    pattern: str
    answer: Callable[[Line], Answer | None]

    def matches(self, line: Line) -> bool:
        """Whether the line answers this question."""
        return re.fullmatch(self.pattern, line["name"]) is not None


def seconds(value: float | None) -> str:
    """Seconds with a unit that suits them."""
    if value is None:
        return "-"
    for limit, scale, unit in ((1e-3, 1e6, "µs"), (1.0, 1e3, "ms")):
        if value < limit:
            return f"{value * scale:.3g} {unit}"
    return duration(value)


def times(ratio: float) -> str:
    """How many times as fast, with two significant digits from ten on."""
    return f"{ratio:.0f} x" if ratio >= 10 else f"{ratio:.2g} x"


def _environment(line: Line) -> Answer | None:
    if line["name"].endswith("_gymnasium"):
        return None  # stands beside ours in the rows that it is the peer of
    rules = {"coat": "Coat's exit rule", "kuairec": "KuaiRec's exit rule", "virtual": "VirtualTB, released networks"}
    case = f"{rules[line['name'].split('_')[1]]}, {line['num_envs']:,} users at once"
    ours, peer = line["steps_per_s"], line.get("peer_steps_per_s")
    if peer is None:
        return Answer(case, f"{short(ours)} steps/s")
    return Answer(case, f"{short(ours)} steps/s", f"{short(peer)} steps/s (Gymnasium, 100 users)", times(ours / peer))


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
    peer = "25 steps/s (EasyRL4Rec's log, its own machine)"
    return Answer(case, f"{short(line['steps_per_s'])} steps/s", peer, times(line["speedup"]))


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
    ours = f"{one} sequences/s ({every} with a loss at every place)"
    peer = f"{short(line['recbole_sequences_per_s'])} sequences/s (RecBole)"
    return Answer("training, one loss a sequence", ours, peer, times(line["speedup"]))


def _next_item_rank(line: Line) -> Answer:
    ours = f"{short(line['last_place_users_per_s'])} users/s"
    peer = f"{short(line['recbole_users_per_s'])} users/s (RecBole)"
    return Answer("ranking of each user's last item among all", ours, peer, times(line["speedup"]))


def _values(line: Line) -> Answer:
    learned = {"all": "every place of a row", "one": "one place of a row"}[line["targets"]]
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
        f"{line['targets']:,} places ranked in {seconds(line['rank_s'])}; peak {line['peak_gb']:.2g} GB"
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
             "Environment alone, with auto-reset; it says what a step costs and not how fast anything trains.",
             r"env_\w+", _environment),
    Question("The embedded world: steps a second", "The same for the generated users.", "world_steps", _world_steps),
    Question("The embedded world: how long it takes to make", "On the host and the device, without compiling.",
             r"world_(?!steps)\w+", _world),
    Question("Collecting with a policy", "A2C's policy in a Coat-rule environment.", r"collect_\w+", _collect),
    Question("Learning online from a replay buffer",
             "MovieLens-1M's size: act, step, store, sample, update. EasyRL4Rec does not install beside jaxrec; its "
             "published log has 15 to 25 steps a second.", r"train_\w+", _off_policy),
    Question("A decision transformer's training step", "Width 128, 3 layers, 20 turns; the same loss and batch.",
             "dt_training_step", _transformer),
    Question("MDT4Rec's search over the history length",
             "One cache for each start step, beside the algorithm as printed and beside a DT action, which searches "
             "nothing. The answers of all searches are the same.", "history_search", _search),
    Question("A step of LoRA fine-tuning", "A Llama of random weights, adapters of rank 16 on Q, K and V.",
             "lora_training_step", _lora),
    Question("Next-item models: training", "SASRec on 3,000 items, length 50; the same batch, loss and threads.",
             "next_item_train", _next_item_train),
    Question("Next-item models: ranking", "The same model, every user's last item among all items.",
             "next_item_evaluate", _next_item_rank),
    Question("Learning values of the next item: a step of SA2C", "GRU of width 64, batch of 256 rows, 10 negatives.",
             "sa2c_step", _values),
    Question("Cross-entropy over a large catalogue",
             "5,120 predictions, value and gradient; chunks of rows beside all logits at once.", "catalogue_loss",
             _catalogue),
    Question("How a training step grows with the log and the catalogue", "SASRec, batches of 256 sequences.",
             "growth", _growth),
    Question("From a log to sequences", "Filters, split, padded rows in buckets, what users met before.",
             r"sequences_\w+", _sequences),
    Question("Does a shop's log fit", "The whole way on one machine, with the exact loss over all items.",
             "retail_scale", _retail),
    Question("An evaluation", "FB, NX_0 and NX_10 by a random policy, all metrics.", r"evaluate_\w+", _evaluation),
    Question("How much sooner does a second start end",
             "Whole commands, from Python's start to the report, in fresh workdirs: the first compiles and keeps every "
             "program, the second finds them. Both measure the same numbers.", "second_start", _second_start),
)  # fmt: skip
