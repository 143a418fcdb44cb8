"""Who reads what: the inputs of stages and datasets, and that each is made before it is read."""

from __future__ import annotations

from ml_collections import ConfigDict

from jaxrec.base.errors import JaxrecError
from jaxrec.experiment import kinds, stages


def kind_of(config: ConfigDict, name: str) -> str:
    """The kind of the dataset `name`: one of config.datasets, or what a stage leaves.

    Raises:
      JaxrecError: no dataset is called so.
    """
    if name in config.datasets:
        return config.datasets[name].kind
    if name in config.stages:
        produced = stages.load(config.stages[name].kind).PRODUCES
        if produced:
            return produced
        raise JaxrecError(f"stage {name!r} ({config.stages[name].kind}) leaves no dataset to learn from or measure on")
    raise JaxrecError(f"no dataset is called {name!r}; there are {sorted(config.datasets)} and the logs of stages")


def is_dataset(config: ConfigDict, name: str) -> bool:
    """Whether a name stands for a dataset, of the config or left by a stage."""
    return name in config.datasets or bool(stages.load(config.stages[name].kind).PRODUCES)


def stages_behind(config: ConfigDict, name: str) -> list[str]:
    """The stages that an input of a stage needs: itself where it is one, those behind the dataset else."""
    if name in config.stages:
        return [name]
    return list(kinds.load(config.datasets[name].kind).inputs(config, name))


def check(config: ConfigDict) -> None:
    """Every stage's inputs exist and run before it.

    Raises:
      JaxrecError: an unknown, misplaced or missing stage or dataset.
    """
    both = sorted(set(config.datasets) & set(config.stages))
    if both:
        raise JaxrecError(f"{both[0]!r} is a dataset and a stage; names are taken once")
    done: set[str] = set()
    for name in config.order:
        if name not in config.stages:
            raise JaxrecError(
                f"order names stage {name!r}, which is not configured; the stages are {sorted(config.stages)}"
            )
        stage = stages.load(config.stages[name].kind)
        for input_ in stage.inputs(config, name):
            if input_ not in config.datasets and input_ not in config.stages:
                raise JaxrecError(
                    f"stage {name!r} names {input_!r}, which is neither a stage ({sorted(config.stages)}) "
                    f"nor a dataset ({sorted(config.datasets)})"
                )
            for missing in (stage for stage in stages_behind(config, input_) if stage not in done):
                raise JaxrecError(f"stage {name!r} needs {missing!r}, which does not run before it; mend config.order")
        for model in stage.models(config, name):
            if model not in config.stages or not stages.load(config.stages[model].kind).LEAVES_MODEL:
                raise JaxrecError(f"stage {name!r} needs a model, and {model!r} is no fit or estimate stage")
        done.add(name)
