"""How time is taken, so that a machine that others use too does not decide what comes out."""

import dataclasses
import statistics
import time
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from flowshot.core.params import project_params
from flowshot.core.plan import BudgetConfig
from flowshot.core.randomness import numpy_generator
from flowshot.models.autoencoders.vae.config import VAEConfig
from flowshot.models.autoencoders.vae.training import train
from flowshot.models.autoencoders.vae.vae import VAE
from flowshot.optimisation.checkpoint import Checkpoint
from flowshot.training.config import TrainConfig
from flowshot.training.job import TrainingJob

Numbers = dict[str, float | str]

SAMPLE_RATE, CLIP_SECONDS = 16000, 1.0
CLIP_SAMPLES = round(SAMPLE_RATE * CLIP_SECONDS)
BATCH_SIZE = 16


def once(action: Callable[[], object]) -> float:
    """The seconds that `action` takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def seconds(action: Callable[[], object], runs: int = 3) -> float:
    """The shortest time of `runs` that `action` takes, after one run to warm up."""
    action()
    return min(once(action) for _ in range(runs))


def median_ratio(pairs: Sequence[tuple[float, float]]) -> float:
    """The median of first over second. The two of a pair were taken one after the other, so that both had the same
    machine; the median leaves out the pairs in which another program came between.
    """
    return statistics.median(first / second for first, second in pairs)


def decaying_noise(count: int, seed: int = 0) -> np.ndarray:
    """`[count, CLIP_SAMPLES]` float32, quiet at the end as one-shots are."""
    noise = numpy_generator(seed, "bench").normal(size=(count, CLIP_SAMPLES)) * np.linspace(1, 0, CLIP_SAMPLES) ** 3
    return (0.2 * noise).astype(np.float32)


def default_model(**changes: Any) -> VAE:
    """The plain autoencoder at its default size, with `changes` of its configuration."""
    config = project_params().section("autoencoder", VAEConfig)
    return VAE(dataclasses.replace(config, **changes), CLIP_SAMPLES, SAMPLE_RATE)


def default_training(**changes: Any) -> TrainConfig:
    """The default training, with `changes`."""
    return dataclasses.replace(project_params().section("train", TrainConfig), **changes)


class Turns(Checkpoint):
    """Not a checkpoint, but what is called after every step of a training: it lets a peer take turns with it.

    `pairs` are the seconds of `group` steps of the training and of one call of `peer`, which does as much. The first
    group warms both up; the last step of a training validates, and is left out.
    """

    def __init__(self, peer: Callable[[], object], group: int) -> None:
        super().__init__(None)
        self.peer, self.group = peer, group
        self.pairs: list[tuple[float, float]] = []
        self._begin = time.perf_counter()

    def after_step(self, parts: object, step: int, steps: int) -> None:
        """Time the group that ends here, then the peer."""
        if step % self.group or step == steps:
            return
        pair = time.perf_counter() - self._begin, once(self.peer)
        if step > self.group:
            self.pairs.append(pair)
        self._begin = time.perf_counter()


def training_in_turns(
    peer: Callable[[], object], clips: np.ndarray, config: TrainConfig, group: int, rounds: int
) -> list[tuple[float, float]]:
    """Seconds of `group` steps of `train` on `clips: [n, samples]`, and of a call of `peer`, for each of `rounds`."""
    turns = Turns(peer, group)
    budget = BudgetConfig((rounds + 1) * group + 1, BATCH_SIZE)
    generator = torch.Generator().manual_seed(0)
    dataset: Any = SimpleNamespace(clips={"train": clips, "valid": clips[:1]}.__getitem__)
    model = default_model(waveform=config.loss.likelihood != "none")
    train(model, TrainingJob(dataset, config, budget, generator, checkpoint=turns))
    return turns.pairs


def unvalidated(**changes: Any) -> TrainConfig:
    """The default training in float32, which validates at its last step only."""
    return default_training(validate_every=10**6, precision="float32", **changes)
