"""What time and memory does cross-entropy over a large catalogue take, in chunks of rows beside all logits at once?

Value and gradient, batch 512, length 10, width 64; 26,702 items (RC15) both ways, and 352,602 (LFM-1b) in chunks alone,
because all logits would be 7 GB. Each case is a process, so that its peak of resident memory is its own.

    python -m benchmarks.catalogue_loss [--out FILE]
"""

from __future__ import annotations

import resource
import subprocess
import sys

import jax
import jax.numpy as jnp

from benchmarks.timing import measure, report
from jaxrec.losses import catalogue

ROWS, WIDTH = 512 * 10, 64


def dense(hidden, table, bias, label, weight):
    """Returns the same loss from all logits at once; the arguments are those of `catalogue.cross_entropy`."""
    logits = hidden @ table.T + bias[None]
    loss = jax.nn.logsumexp(logits, axis=1) - jnp.take_along_axis(logits, label[:, None], axis=1)[:, 0]
    return (loss * weight).sum() / weight.sum()


def case(kind: str, num_items: int) -> None:
    """Reports one case of this process."""
    keys = jax.random.split(jax.random.key(0), 3)
    hidden = jax.random.normal(keys[0], (ROWS, WIDTH))
    table = jax.random.normal(keys[1], (num_items, WIDTH)) * WIDTH**-0.5
    label = jax.random.randint(keys[2], (ROWS,), 0, num_items)
    rest = (jnp.zeros(num_items), label, jnp.ones(ROWS))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    loss = {"chunked": catalogue.cross_entropy, "dense": dense}[kind]
    step = jax.jit(jax.value_and_grad(loss, argnums=(0, 1, 2)))
    figures = measure(step, hidden, table, *rest, repeats=5)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    options = {"num_items": num_items, "kind": kind, "rows": ROWS, "width": WIDTH}
    report("catalogue_loss", **figures, **options, peak_gb=peak / 2**20, added_gb=(peak - before) / 2**20)


def main() -> None:
    arguments = sys.argv[1:]
    if arguments[:1] == ["--case"]:
        case(arguments[1], int(arguments[2]))
        return
    for kind, num_items in (("dense", 26_702), ("chunked", 26_702), ("chunked", 352_602)):
        command = [sys.executable, "-m", "benchmarks.catalogue_loss", "--case", kind, str(num_items), *arguments]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
