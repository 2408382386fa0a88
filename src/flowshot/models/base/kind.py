"""A kind of model: what a registry has to know of it to configure, build, train and load it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from flowshot.clips.prepared import PreparedDataset
from flowshot.core.plan import BudgetConfig
from flowshot.core.sections import Section
from flowshot.models.base.generator import Generator
from flowshot.training.checkpoint import NO_CHECKPOINT, Checkpoint
from flowshot.training.config import TrainConfig
from flowshot.training.progress import Row, Trained, Weights


@dataclass(frozen=True)
class ModelCard:
    """`config.json`: what is enough to build a model again.

    `files` names what lies beside the weights, each with its SHA-256.
    """

    kind: str
    config: Any
    dataset: str
    sample_rate: int
    clip_samples: int
    files: dict[str, str]


@dataclass(frozen=True)
class TrainingJob:
    """One training: what it learns from, how long, and who is told.

    Args:
        dataset: its training clips are learned from, its validation clips decide which weights are kept.
        training: the section `train`, with the entry's own differences.
        generator: on the CPU; every random draw of the training follows from it.
        on_row: is called with each row of the history; a training that resumes first repeats the rows before.
        on_best: is called with the weights and their step whenever they are the best so far.
        checkpoint: keeps the state of the training, so that an interrupted one resumes bit for bit.
        say: prints a warning.
    """

    dataset: PreparedDataset
    training: TrainConfig
    budget: BudgetConfig
    generator: torch.Generator
    on_row: Callable[[Row], None] = lambda row: None
    on_best: Callable[[Weights, int], None] = lambda weights, step: None
    checkpoint: Checkpoint = NO_CHECKPOINT
    say: Callable[[str], None] = lambda line: None


@dataclass(frozen=True)
class ModelKind:
    """What a registry knows of one kind of model.

    Args:
        config: the dataclass of its entry in params.yaml, without `kind` and `train`.
        build: makes the untrained model of a card. Its second argument is the folder that holds the card's files, or
            None before there is one.
        train: trains a model that `build` made.
        shared: the section of params.yaml that an entry differs from; empty: an entry is complete.
        check: raises FlowshotError where a configuration (called by the first argument) cannot be trained on clips of
            so many samples at a sample rate; it must be quick, because it runs before anything else does.
        files: what lies beside the weights: for a configuration, the path to copy of each name.
    """

    config: type[Section]
    build: Callable[[ModelCard, Path | None], Generator]
    train: Callable[[Any, TrainingJob], Trained]
    shared: str = ""
    check: Callable[[str, Any, int, int], None] = lambda name, config, clip_samples, sample_rate: None
    files: Callable[[Any], dict[str, Path]] = lambda config: {}
