"""Which `steps_share` gives a model the time that another one takes: `python scripts/equal_time.py NAME ...`.

Trains each entry of `autoencoders` or `generators` for a few steps of the plan's batch size on noise, alternating with
`--like` (no_nf), and prints the processor's seconds per step and their ratio. A generator that grows is measured over
its whole growth. On a GPU, wall time is measured instead.
"""

import argparse
import dataclasses
import time
from typing import cast

import numpy as np
import torch

from flowshot.clips.prepared import PreparedDataset
from flowshot.core.params import read_params
from flowshot.core.plan import BudgetConfig
from flowshot.core.process import prepare_threads
from flowshot.models.autoencoders.registry import read_autoencoder
from flowshot.models.base.kind import ModelCard
from flowshot.models.generators.registry import read_generator
from flowshot.training.job import TrainingJob, choose_device, train_function, training_config


class Noise:
    """As much of a prepared dataset as a training asks for."""

    def __init__(self, clips: int, samples: int, sample_rate: int) -> None:
        decay = np.exp(-np.arange(samples) / (0.1 * sample_rate))
        self._clips = (np.random.default_rng(0).uniform(-0.8, 0.8, (clips, samples)) * decay).astype(np.float32)
        self.clip_samples, self.sample_rate = samples, sample_rate

    def clips(self, split: str) -> np.ndarray:
        """The same ones, few of them where they are only looked at."""
        return self._clips if split == "train" else self._clips[:4]


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", metavar="NAME")
    parser.add_argument(
        "--like", default="no_nf", metavar="NAME", help="what the others are compared with (%(default)s)"
    )
    parser.add_argument("--steps", type=int, default=20, help="of each training (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="of which the fastest counts (%(default)s)")
    arguments = parser.parse_args()
    prepare_threads(1)
    names = dict.fromkeys((arguments.like, *arguments.names))
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(arguments.rounds):
        for name in names:
            seconds[name].append(seconds_a_step(name, arguments.steps))
    usual = min(seconds[arguments.like])
    for name, found in seconds.items():
        print(f"{name}: {min(found):.3f} s a step, steps_share {usual / min(found):.3g}")


def seconds_a_step(name: str, steps: int) -> float:
    """Of the processor, or of the clock where there is a GPU."""
    params, device = read_params(), choose_device()
    section = "generators" if name in params.names("generators") else "autoencoders"
    entry = (read_generator if section == "generators" else read_autoencoder)(params, name)
    clips = params.values["datasets"][params.plan.datasets[0]]
    dataset = Noise(64, round(clips["clip_seconds"] * clips["sample_rate"]), clips["sample_rate"])
    card = ModelCard(entry.kind_name, entry.config, "noise", dataset.sample_rate, dataset.clip_samples, {})
    model = entry.kind.build(card, None).to(device)
    budget = BudgetConfig(steps, params.plan.budget.batch_size)
    training = dataclasses.replace(training_config(params, section, entry), log_every=1, validate_every=10**9)
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    ticks: list[float] = []
    generator = torch.Generator().manual_seed(0)
    # The noise has all of a prepared set that trainings read.
    noise = cast(PreparedDataset, dataset)
    train_function(entry)(model, TrainingJob(noise, training, budget, generator, lambda row: ticks.append(clock())))
    # Without the first step, which sets up, and the last one, after which everything is validated.
    return float(np.diff(ticks[:-1]).mean())


if __name__ == "__main__":
    main()
