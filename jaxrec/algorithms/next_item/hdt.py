"""HDT (T section 5.3): one decision transformer across the sessions of a user (InterDT), one inside each (IntraDT).

`hdt_network` holds the networks, `hdt_loss` the training objective (T 5.21) and `hdt_ranking` how items are ranked.
InterDT alone and Hier (T 5.4.2) are options. Gradients end where a session ends, as with T's user-parallel
mini-batches. Our reading: sessions before the last C of a user are forgotten.
"""

from __future__ import annotations

import numpy as np
from ml_collections import ConfigDict

from jaxrec.algorithms.next_item import hdt_loss, hdt_network, hdt_ranking, supervised
from jaxrec.base import ranges
from jaxrec.base.contracts import Algorithm
from jaxrec.base.errors import JaxrecError
from jaxrec.base.specs import SequencesSpec
from jaxrec.batches import user_sessions
from jaxrec.models import encoders, transformer
from jaxrec.training import learner, optimizers, sources

INTRA = ("nov", "uxp")

RANGES = {
    "encoder": encoders.NAME,
    **ranges.under("encoder_options", encoders.OPTIONS),
    "inter": ranges.choice(*hdt_network.INTER),
    "intra": ranges.SWITCH,
    "objectives": ranges.choices(*INTRA, least=0),
    **transformer.RANGES,
    "num_sessions": ranges.COUNT,
    **dict.fromkeys(("return_weight", "action_weight", "goal_weight"), ranges.NOT_NEGATIVE),
    "batch_size": ranges.COUNT,
    **ranges.under("optimizer", optimizers.RANGES),
}


def defaults() -> ConfigDict:
    """Returns the thesis' sizes and Reddit's loss weights (T 5.4.2, T 5.4.6)."""
    optimizer = optimizers.defaults()
    optimizer.learning_rate = 1e-3
    optimizer.clip_norm = 1.0
    return ConfigDict(
        {
            "encoder": "sasrec",  # G (T 5.6), a file in models/encoders
            "encoder_options": ConfigDict(),  # fields of its Encoder
            "inter": "dt",  # across sessions: dt, or gru (Hier)
            "intra": True,  # with IntraDT; False: InterDT alone and Hier
            "objectives": INTRA,  # of IntraDT: novelty return as input, unexpected return as target (T table 5.5)
            "width": 64,  # D
            "num_layers": 1,  # of IntraDT; T names none
            "num_heads": 1,  # of IntraDT
            "dropout": 0.1,  # in IntraDT
            "num_sessions": 8,  # C: consecutive sessions of a user in training; the last ones before a ranked session
            "return_weight": 0.5,  # alpha
            "action_weight": 0.2,  # beta
            "goal_weight": 0.1,  # lambda; without effect on Hier, which has no goal loss
            "batch_size": 64,  # users per step
            "optimizer": optimizer,
        }
    )


def make(config: ConfigDict, spec: SequencesSpec, *, vectors: np.ndarray | None = None) -> Algorithm:
    """Makes the algorithm for `records.NextItem` with one sequence of `spec.length` + 1 items per session.

    Args:
      vectors: float32 [A, E], item vectors of another model, whose cosines say how alike items are.

    Raises:
      JaxrecError: settings that cannot be, or data without item vectors or popularity.
    """
    ranges.check("algorithm.", config, RANGES)
    _check_settings(config, spec, vectors)
    network = hdt_network.make_network(config, spec, vectors)
    learning = learner.from_loss(
        network.init, hdt_loss.make_loss(config, network), optimizers.make(config.optimizer), frozen=("given/",)
    )
    source = sources.logged(user_sessions.random_sessions(config.batch_size, config.num_sessions))
    return Algorithm(learning, source, ranker=hdt_ranking.make_ranker(network, config.num_sessions))


def _check_settings(config: ConfigDict, spec: SequencesSpec, vectors: np.ndarray | None) -> None:
    supervised.check_sizes(config, spec)
    transformer.check_sizes("algorithm.", config)
    if config.intra and config.inter != "dt":
        raise JaxrecError("algorithm.intra needs the goal return of algorithm.inter 'dt'; set one of the two")
    if spec.tail is None or vectors is None:
        raise JaxrecError(
            "HDT needs popular items and item vectors: name a next-item model's beside the data, `vectors`"
        )
