"""The kinds of stages, one per file. A stage reads datasets and artifacts of earlier stages and leaves one artifact.

A kind is a module with

    PRODUCES                        the kind of dataset that its artifact is, '' for none
    LEAVES_MODEL                    whether it leaves a model, which other stages can play, measure or transform
    GROWS                           the option of which more may be added to a finished artifact, '' for none
    ranges_of(stage)                the ranges of all leaves of its config
    inputs(config, name)            names of the datasets and stages it reads
    models(config, name)            those of them that must be stages that leave a model
    check(resources, name)          raises JaxrecError at any mistake that can be seen before anything runs
    describe(stage)                 what it does, in a few words
    options(resources, name)        what of its config, seeds included, its artifact follows from
    contents(resources, name)       what it reads -> fingerprint of that
    run(resources, name, progress)  makes the artifact in its folder; returns facts for the report

and, where it leaves a model, `algorithm_inputs(resources, name, spec_of) -> AlgorithmInputs` and
`read(resources, name) -> Fitted`.
"""

from __future__ import annotations

from types import ModuleType

from jaxrec.base import registry


def load(kind: str) -> ModuleType:
    """Imports the module of a kind of stage; raises JaxrecError where there is none of that name."""
    return registry.resolve(__name__, kind, "def run(", "kind of stage")
