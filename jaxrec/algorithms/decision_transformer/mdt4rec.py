"""MDT4Rec (paper M): decision transformer with maximum in-support returns and a search over the history length.

Ablations: `use_max=False` is MDT4Rec-Max, `embedding="linear"` the linear rows of table 4. Our reading: rewards are
normalised like returns, so that no loss drowns the others; the reward estimator sees zeros for a_{t-1} at the first
step of a sequence; a window that starts mid-episode keeps absolute turns. N_g sees h(s_t) beside h(R_t): a return token
knows the state by attention alone, which a small budget does not teach.

With `backbone` a language model takes the transformer's place (M 3.3, `language.prior`): its width is the tokens', its
own depth and heads hold, and the auxiliary language loss (M 3.4, L_language) keeps it one. Its position table is not
added to trajectory tokens, which carry their timestep; rotary models number them within the sequence. Our reading: a
frozen model needs no language loss, for nothing could follow it.
"""

from __future__ import annotations

from typing import Any

from ml_collections import ConfigDict

from jaxrec.algorithms.decision_transformer import build, language, loss_terms
from jaxrec.algorithms.decision_transformer.mdt4rec_network import Network
from jaxrec.algorithms.decision_transformer.policy import SEARCHES, policy
from jaxrec.algorithms.language import prior
from jaxrec.base.contracts import Algorithm, Array, Params
from jaxrec.base.errors import JaxrecError
from jaxrec.base.specs import TextSpec, TrajectoriesSpec
from jaxrec.batches import windows
from jaxrec.training import learner, optimizers, sources


def defaults() -> ConfigDict:
    """Paper M where it speaks, Elastic Decision Transformer where it does not."""
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
            "embedding": "mlp",  # mlp (M) or linear (table 4)
            "state_encoder": "sasrec",  # a file in models/encoders (M table 1: SASRec)
            # W, pairs a state is made of. Short (EasyRL4Rec's 3), because what the state remembers no shorter history
            # can forget: the search over lengths would choose between the same things.
            "state_window": 3,
            "use_max": True,  # False: MDT4Rec-Max, no expectile and no search, the whole window always
            "expectile": 0.99,  # alpha (M 3.1)
            "num_bins": 60,  # return bins over the logged range
            "kappa": 10.0,  # inverse temperature of Eq. 3
            "return_draw": "sample",  # sample (M 3.2) or mean of Eq. 3
            "reward_weight": 1.0,  # of each loss beside the action's; M adds them as they are
            "max_return_weight": 1.0,
            # a cross-entropy of ln 60 at first: as it is, it drowns the action (Elastic DT: 0.001)
            "return_bins_weight": 0.01,
            "batch_size": 64,  # windows per step
            **prior.defaults(),
            "language_weight": 0.1,  # lambda of L_language (M 3.4), if a backbone learns; 0 = no such loss
            "language_batch_size": 8,  # stretches of text per step
            "language_length": 64,  # tokens of each
            "optimizer": optimizer,
        }
    )


def make(config: ConfigDict, spec: TrajectoriesSpec, *, text: TextSpec | None = None) -> Algorithm:
    """Learns from `Trajectories`; raises JaxrecError on settings that cannot work."""
    config = language.sized(config)
    check(config, spec, text)
    network = make_network(config, spec)

    def init_params(key: Array) -> Params:
        params = build.initial(network, config, spec)(key)
        return language.complete(network.backbone, config, params, key)

    def loss_fn(params: Params, batch: Any, key: Array):
        windows, ids = language.parts(config, batch)
        terms, metrics = losses(network, config, params, build.normalised(windows, spec), key)
        return terms | language.loss(network.backbone, config, params, ids, key), metrics

    held = {"frozen": prior.frozen(config), "load": prior.from_files(config)}
    learning = learner.from_loss(init_params, loss_fn, optimizers.make(config.optimizer), **held)
    view = language.view(config, build.windows(config))
    return Algorithm(learning, sources.logged(view), policy(network, config, spec))


def check(config: ConfigDict, spec: TrajectoriesSpec, text: TextSpec | None) -> None:
    """Raises JaxrecError on settings that cannot work, before anything is compiled."""
    build.check(config, spec)
    language.check(config, text)
    if config.delta < 1:
        raise JaxrecError(f"algorithm.delta is {config.delta}: set it to 1 or more turns")
    if config.search not in SEARCHES:
        raise JaxrecError(f"algorithm.search is {config.search!r}: choose one of {sorted(SEARCHES)}")
    if not 0.0 < config.expectile < 1.0:
        raise JaxrecError(f"algorithm.expectile is {config.expectile}: set it between 0 and 1, near 1")
    if config.return_draw not in ("sample", "mean"):
        raise JaxrecError(f"algorithm.return_draw is {config.return_draw!r}: choose sample or mean")


def losses(network: Network, config: ConfigDict, params: Params, batch: windows.Windows, key: Array | None = None):
    """(terms, metrics) of a normalised batch: L_dt = action + reward, L_max = max_return, and the return bins (M 3.4).

    Dropout falls where a key is given.
    """
    rngs = None if key is None else {"dropout": key}
    predictions = network.apply({"params": params}, batch, key is None, rngs=rngs)
    target, mask = batch.return_to_go, batch.mask
    terms = {
        "action": loss_terms.action_loss(predictions.action, batch),
        "reward": config.reward_weight * loss_terms.reward_loss(predictions.reward, batch.reward, mask),
        "return_bins": config.return_bins_weight * loss_terms.return_bins_loss(predictions.bin_logits, target, mask),
    }
    if config.use_max:
        loss = loss_terms.max_return_loss(predictions.max_return, target, mask, config.expectile)
        terms["max_return"] = config.max_return_weight * loss
    return terms, loss_terms.action_accuracy(predictions.action, batch)


def make_network(config: ConfigDict, spec: TrajectoriesSpec) -> Network:
    """The network a config describes."""
    return Network(
        tokens=build.tokens(config, spec),
        backbone=build.backbone(config),
        num_outputs=build.num_outputs(spec),
        num_bins=config.num_bins,
        use_max=config.use_max,
        continuous=spec.action_size > 0,
    )
