"""DT4Rec (Zhao et al., "User Retention-oriented Recommendation with Decision Transformer", WWW 2023), a baseline of M.

DT, but the return prompt is a mixture of learned vectors (a learned discretisation), and a weighted contrastive loss
keeps the model from answering a wrong prompt as it answers the right one. Our reading: wrong prompts are uniform below
the right one, one for every step, for a higher one is what is asked for when acting and must not be answered otherwise
than the best that was seen; what is compared is what the action is read from; states, tokens and acting are DT's here,
since the paper's own state is a list of slates and its reward the days until a user returns.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxrec.algorithms.decision_transformer import build, dt
from jaxrec.algorithms.decision_transformer.loss_terms import action_accuracy, action_loss
from jaxrec.algorithms.decision_transformer.prompted import policy
from jaxrec.base.contracts import Algorithm, Array, Params
from jaxrec.base.errors import JaxrecError
from jaxrec.base.specs import TrajectoriesSpec
from jaxrec.batches import windows
from jaxrec.losses import contrastive, sequence
from jaxrec.training import learner, optimizers, sources


def defaults() -> ConfigDict:
    """DT's, with the prompt and its contrast."""
    config = dt.defaults()
    config.prompt_vectors = 32  # learned vectors a return is mixed from
    config.contrast_weight = 0.1  # of the contrastive loss beside the action's; our reading
    return config


def make(config: ConfigDict, spec: TrajectoriesSpec) -> Algorithm:
    """Learns from `Trajectories`; raises JaxrecError on settings that cannot work."""
    build.check(config, spec)
    if config.prompt_vectors < 2:
        raise JaxrecError(f"algorithm.prompt_vectors is {config.prompt_vectors}: set it to 2 or more")
    network = make_network(config, spec)

    def loss_fn(params: Params, batch: windows.Windows, key: Array):
        batch = batch.replace(return_to_go=build.normalise(batch.return_to_go, spec.return_range))
        key_wrong, key_dropout = jax.random.split(key)
        wrong = jax.random.uniform(key_wrong, batch.return_to_go.shape) * batch.return_to_go
        return losses(network, config, params, batch, wrong, key_dropout)

    learning = learner.from_loss(build.initial(network, config, spec), loss_fn, optimizers.make(config.optimizer))
    return Algorithm(learning, sources.logged(build.windows(config)), policy(network, config, spec))


def make_network(config: ConfigDict, spec: TrajectoriesSpec) -> dt.Network:
    """DT's network with the prompt's embedding."""
    network = dt.make_network(config, spec)
    return network.clone(tokens=network.tokens.clone(prompt_vectors=config.prompt_vectors))


def losses(
    network: dt.Network,
    config: ConfigDict,
    params: Params,
    batch: windows.Windows,
    wrong: Array,
    key: Array | None = None,
):
    """(terms, metrics) of a normalised batch; `wrong` float32 [B, T] are the wrong prompts. Dropout where a key is."""
    rngs = None if key is None else {"dropout": key}

    def both(model: dt.Network) -> tuple[Array, Array, Array]:
        states, returns, actions = model.tokens(batch)
        features = model.features(states, returns, actions, key is None)
        others = model.tokens.returns(wrong, batch.timestep)
        return model.read_action(features), features, model.features(states, others, actions, key is None)

    output, features, other = network.apply({"params": params}, rngs=rngs, method=both)
    contrast = jax.vmap(jax.vmap(contrastive.prompt_contrast))(features, other, jnp.abs(batch.return_to_go - wrong))
    terms = {
        "action": action_loss(output, batch),
        "contrast": config.contrast_weight * sequence.masked_mean(contrast, batch.mask),
    }
    return terms, action_accuracy(output, batch)
