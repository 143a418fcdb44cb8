"""MODT4R (T section 4.4): a user encoder (UserTrans) and a decision transformer (MoTrans) that is conditioned on
returns of accuracy, novelty and diversity at once.

`modt4r_network` holds the networks, `modt4r_loss` the training objective (T 4.17) and `modt4r_ranking` how items are
ranked (T 4.19; T Algorithm 2). What ranking conditions on stands in the option `inference` and can be changed at every
evaluation. Options give MRDT (T 4.5.1), MODT4R_i and MODT4R_imp (T table 4.4), subsets of the objectives (T 4.21) and
the loss without L_S (T figure 4.6d).
"""

from __future__ import annotations

import numpy as np
from ml_collections import ConfigDict

from jaxrec.algorithms.next_item import modt4r_loss, modt4r_network, modt4r_ranking, objective_returns, supervised
from jaxrec.algorithms.next_item.motrans import STATES
from jaxrec.base import ranges
from jaxrec.base.contracts import Algorithm
from jaxrec.base.errors import JaxrecError
from jaxrec.base.specs import SequencesSpec
from jaxrec.batches import training_sequences
from jaxrec.models import encoders, transformer
from jaxrec.training import learner, optimizers, sources

RANGES = {
    "encoder": encoders.NAME,
    **ranges.under("encoder_options", encoders.OPTIONS),
    "states": ranges.choice(*STATES),
    "return_first": ranges.SWITCH,
    "objectives": ranges.choices(*objective_returns.OBJECTIVES),
    "scaled_returns": ranges.SWITCH,
    **transformer.RANGES,
    "state_weight": ranges.NOT_NEGATIVE,
    "return_weight": ranges.NOT_NEGATIVE,
    "batch_size": ranges.COUNT,
    **dict.fromkeys((f"inference.{name}" for name in ("alpha", "diversity", "epsilon", "ahead")), ranges.FINITE),
    **ranges.under("optimizer", optimizers.RANGES),
}


def defaults() -> ConfigDict:
    """Returns the thesis' sizes where it names them (T 4.5.1)."""
    optimizer = optimizers.defaults()
    optimizer.learning_rate = 1e-3
    return ConfigDict(
        {
            "encoder": "sasrec",  # UserTrans, a file in models/encoders
            "encoder_options": ConfigDict(),  # fields of its Encoder
            "states": "encoded",  # by UserTrans; or 'item' (_i), or 'implicit' (_imp), which have neither it nor L_S
            "return_first": False,  # True: tokens (R, s, a) and no return loss (MRDT)
            "objectives": objective_returns.OBJECTIVES,  # whose returns are in the trajectory (T 4.21)
            "scaled_returns": True,  # as shares of the largest possible return; False: as they are (T 4.7, T 4.15)
            "width": 64,  # D, of items, states, returns and actions
            "num_layers": 2,  # of MoTrans; T names none
            "num_heads": 1,  # of MoTrans; as in UserTrans (T 4.5.1)
            "dropout": 0.1,  # in MoTrans
            "state_weight": 1.0,  # of L_S; at 0 the encoder has no softmax, and ranking uses MoTrans alone
            "return_weight": 0.6,  # beta, of L_R; RC15's best (T 4.5.4)
            "batch_size": 256,  # sequences per step
            "inference": {
                "alpha": 1.0,  # of UserTrans' scores (T 4.19)
                "diversity": 1.0,  # lambda, the factor of the diversity return
                "epsilon": 0.5,  # share of novel items so far from which on ranking conditions on a novel one (T 4.18)
                "ahead": 1.0,  # steps after the ranked one that the accuracy return counts
            },
            "optimizer": optimizer,
        }
    )


def make(config: ConfigDict, spec: SequencesSpec, *, vectors: np.ndarray | None = None) -> Algorithm:
    """Makes the algorithm for `records.NextItem` with sequences of `spec.length` + 1 items.

    Args:
      vectors: float32 [A, E], item vectors of another model, whose cosines say how alike items are.

    Raises:
      JaxrecError: settings that cannot be, or data without what an objective's return needs.
    """
    ranges.check("algorithm.", config, RANGES)
    _check_settings(config, spec, vectors)
    network = modt4r_network.make_network(config, spec, vectors)
    frozen = ("inference/", "given/") if network.given else ("inference/",)
    learning = learner.from_loss(
        network.init, modt4r_loss.make_loss(config, network), optimizers.make(config.optimizer), frozen=frozen
    )
    source = sources.logged(training_sequences.random_sequences(config.batch_size))
    ranker = modt4r_ranking.make_ranker(network)
    scorer = supervised.history_scorer(ranker)
    return Algorithm(learning, source, scorer=scorer, ranker=ranker, ask=modt4r_ranking.ask)


def _check_settings(config: ConfigDict, spec: SequencesSpec, vectors: np.ndarray | None) -> None:
    supervised.check_sizes(config, spec)
    transformer.check_sizes("algorithm.", config)
    if "nov" in config.objectives and spec.tail is None:
        raise JaxrecError("the novelty return needs to know which items are popular; learn from sequences")
    if "div" in config.objectives and vectors is None:
        raise JaxrecError(
            "the diversity return needs item vectors: name a next-item model's beside the data, `vectors`"
        )
