"""Trains the toy problem, watched, on whatever devices there are and prints its losses and what was kept; run by
test_sharding in fresh processes."""

from __future__ import annotations

import json
import sys


def main(coordinator: str = "", num_processes: str = "1", process_id: str = "0") -> None:
    import jax

    if coordinator:
        jax.distributed.initialize(coordinator, int(num_processes), int(process_id))
    import jax.numpy as jnp
    import numpy as np

    from jaxrec.training import loop, sharding
    from jaxrec.training.watch import Watch
    from tests.training import problems

    @jax.jit
    def distance(params):  # falls all the while: the best is the first
        return jnp.abs(params["model"]["kernel"] - problems.WEIGHTS[None]).sum(1)

    losses, scores = [], []
    made, source = problems.make(batch_size=16)
    mesh = sharding.make_mesh(model=2 if jax.device_count() > 1 else 1)
    state = loop.fit(
        made,
        source,
        problems.data(),
        num_steps=20,
        steps_per_call=10,
        num_seeds=2,
        mesh=mesh,
        watch=Watch(distance, every=10),
        on_metrics=lambda step, metrics: losses.append(metrics["loss/total"]),
        on_watch=lambda step, measured: scores.append(measured.tolist()),
    )
    kernel = state.params["model"]["kernel"]
    kept = {"kernel": np.asarray(kernel).tolist(), "scores": scores}
    print(json.dumps({"losses": np.concatenate(losses, 1).tolist(), "devices": len(kernel.sharding.device_set)} | kept))


if __name__ == "__main__":
    main(*sys.argv[1:])
