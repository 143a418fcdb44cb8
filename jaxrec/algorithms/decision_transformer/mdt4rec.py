"""MDT4Rec (paper M): a decision transformer that predicts the maximum in-support return (M 3.1), and searches for the
history length with the highest one before it acts (M Algorithm 1).

The ablations of M table 4 are `use_max=False` (MDT4Rec-Max) and `embedding="linear"`.

Our reading. Rewards are normalised like returns, so that no loss outweighs the others. The reward estimator reads zeros
for a_{t-1} at the first step of a sequence. In a window that starts in mid-episode, turns are still counted from the
beginning of the episode. N_g reads h(s_t) beside h(R_t): from h(R_t) alone it would know the state only by attention,
which does not learn to pass the state on within a small budget of steps.

`backbone` puts a language model in place of the transformer (M 3.3, `language.prior`). Tokens then have its width, and
it keeps its own depth and heads. The auxiliary language loss (M 3.4, L_language) preserves what it knows of language.
Its table of positions is not added to the tokens of a trajectory, which carry an embedding of their turn; models with
rotary positions number the tokens within the sequence. Our reading: a frozen model has no language loss, because the
loss could not change it.
"""

from __future__ import annotations

from typing import Any

from ml_collections import ConfigDict

from jaxrec.algorithms.decision_transformer import auxiliary_language, loss_terms, network_parts, training_windows
from jaxrec.algorithms.decision_transformer.mdt4rec_network import MDT4RecNetwork
from jaxrec.algorithms.decision_transformer.mdt4rec_policy import SEARCHES, make_policy
from jaxrec.algorithms.decision_transformer.return_normalisation import normalise_returns_and_rewards
from jaxrec.algorithms.language import prior
from jaxrec.base import ranges
from jaxrec.base.contracts import Algorithm, Array, Params, Scalars
from jaxrec.base.specs import TextSpec, TrajectoriesSpec
from jaxrec.batches.windows import Windows
from jaxrec.training import learner, optimizers, sources

RANGES = {
    **network_parts.RANGES,
    "delta": ranges.COUNT,
    "search": ranges.choice(*SEARCHES),
    "use_max": ranges.SWITCH,
    "expectile": ranges.INSIDE_ZERO_ONE,
    "num_bins": ranges.COUNT,
    "kappa": ranges.NOT_NEGATIVE,
    "return_draw": ranges.choice("sample", "mean"),
    **dict.fromkeys(
        ("reward_weight", "max_return_weight", "return_bins_weight", "language_weight"), ranges.NOT_NEGATIVE
    ),
    **prior.RANGES,
    "language_batch_size": ranges.COUNT,
    "language_length": ranges.COUNT,
}


def defaults() -> ConfigDict:
    """Returns the settings of paper M, and those of Elastic Decision Transformer where M states none."""
    optimizer = optimizers.defaults()
    optimizer.learning_rate = 6e-4  # as DT here, so that the two differ in the method only
    optimizer.weight_decay = 1e-4
    optimizer.clip_norm = 1.0
    return ConfigDict(
        {
            "width": 128,  # D
            "num_layers": 3,
            "num_heads": 4,  # Elastic DT
            "dropout": 0.1,  # on embeddings and residual branches
            "context_length": 20,  # T, turns (M 4.7)
            "delta": 2,  # turns between candidate lengths (M 4.7)
            "search": "incremental",  # or batched: the same answers, several times slower, in far less memory
            "embedding": "mlp",  # mlp (M) or linear (M table 4)
            "state_encoder": "sasrec",  # a file in models/encoders (M table 1: SASRec)
            # W, the (item, feedback) pairs of a state. Short (EasyRL4Rec's 3), because a shorter history cannot leave
            # out what the state itself remembers: the search would choose among histories that hold the same pairs.
            "state_window": 3,
            "use_max": True,  # False: MDT4Rec-Max, no expectile and no search, the whole window always
            "expectile": 0.99,  # alpha (M 3.1)
            "num_bins": 60,  # return bins over the logged range
            "kappa": 10.0,  # inverse temperature of M Eq. 3
            "return_draw": "sample",  # 'sample' (M 3.2) or 'mean' of the distribution of M Eq. 3
            "reward_weight": 1.0,  # of this loss beside the action's; M 3.4 adds the losses unweighted
            "max_return_weight": 1.0,
            # The cross-entropy of 60 bins starts at ln 60 and outweighs the action's loss (Elastic DT: 0.001).
            "return_bins_weight": 0.01,
            "batch_size": 64,  # windows per step
            **prior.defaults(),
            "language_weight": 0.1,  # lambda of L_language (M 3.4), if a backbone learns; 0 = no such loss
            "language_batch_size": 8,  # blocks of text per step
            "language_length": 64,  # tokens of each block
            "optimizer": optimizer,
        }
    )


def make(config: ConfigDict, spec: TrajectoriesSpec, *, text: TextSpec | None = None) -> Algorithm:
    """Makes the algorithm, which learns from `Trajectories`, and from the text too where there is a language loss.

    Args:
      text: of the text beside the trajectories; None where the stage has none.

    Raises:
      JaxrecError: settings that cannot be.
    """
    ranges.check("algorithm.", config, RANGES)
    config = auxiliary_language.with_backbone_sizes(config)
    check_options(config, spec, text)
    network = make_network(config, spec)

    def init_params(key: Array) -> Params:
        params = training_windows.make_init(network, config, spec)(key)
        return auxiliary_language.add_language_params(network.backbone, config, params, key)

    def loss_fn(params: Params, batch: Any, key: Array):
        windows, ids = auxiliary_language.windows_and_text(config, batch)
        terms, metrics = losses(network, config, params, normalise_returns_and_rewards(windows, spec), key)
        return terms | auxiliary_language.language_loss(network.backbone, config, params, ids, key), metrics

    pretrained = {"frozen": prior.frozen_patterns(config), "load": prior.checkpoint_loader(config)}
    learning = learner.from_loss(init_params, loss_fn, optimizers.make(config.optimizer), **pretrained)
    view = auxiliary_language.make_view(config, training_windows.make_view(config))
    return Algorithm(learning, sources.logged(view), make_policy(network, config, spec))


def check_options(config: ConfigDict, spec: TrajectoriesSpec, text: TextSpec | None) -> None:
    """Raises JaxrecError on settings that cannot be, before anything is compiled."""
    network_parts.check_sizes(config, spec)
    auxiliary_language.check_backbone(config, text)


def losses(
    network: MDT4RecNetwork, config: ConfigDict, params: Params, windows: Windows, key: Array | None = None
) -> tuple[Scalars, Scalars]:
    """Returns (terms, metrics): L_dt, the losses of actions and rewards; L_max, that of the maximum return (M 3.4); and
    that of the return bins, which fits P(R_t) of M Eq. 3. L_language is added in `make`.

    Args:
      windows: [B, T], returns and rewards normalised to [0, 1]. key: of dropout; None switches dropout off.
    """
    rngs = None if key is None else {"dropout": key}
    predictions = network.apply({"params": params}, windows, key is None, rngs=rngs)
    return_to_go, mask = windows.return_to_go, windows.mask
    bins_loss = loss_terms.return_bins_loss(predictions.bin_logits, return_to_go, mask)
    terms = {
        "action": loss_terms.action_loss(predictions.action, windows),
        "reward": config.reward_weight * loss_terms.reward_loss(predictions.reward, windows.reward, mask),
        "return_bins": config.return_bins_weight * bins_loss,
    }
    if config.use_max:
        max_loss = loss_terms.max_return_loss(predictions.max_return, return_to_go, mask, config.expectile)
        terms["max_return"] = config.max_return_weight * max_loss
    return terms, loss_terms.action_accuracy(predictions.action, windows)


def make_network(config: ConfigDict, spec: TrajectoriesSpec) -> MDT4RecNetwork:
    """Makes the network that the config describes, in the sizes of the data."""
    return MDT4RecNetwork(
        tokens=network_parts.make_tokens(config, spec),
        backbone=network_parts.make_backbone(config),
        num_outputs=network_parts.num_outputs(spec),
        num_bins=config.num_bins,
        use_max=config.use_max,
        continuous=spec.action_size > 0,
    )
