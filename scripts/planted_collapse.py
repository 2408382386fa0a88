"""Train autoencoders whose latent is known to be collapsed or not, and see whether the diagnosis says so.

    python scripts/planted_collapse.py --seeds 0 1 2 3 4 5 6 7 --jobs 2

Clips of the embedded synthesizer, a small autoencoder, and four cases that differ in one thing each: the default, a
latent loss with far too large a weight, a decoder that is not given the latent, and a decoder that is not given half of
it. Writes `reports/checks/planted.md`, one row per case; exit status 1 where a verdict is wrong.
"""

import argparse
import dataclasses
import multiprocessing
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from flowshot.core.files import whole_file
from flowshot.core.params import project_params
from flowshot.core.plan import BudgetConfig
from flowshot.core.process import prepare_threads
from flowshot.core.provenance import git_revision, machine
from flowshot.core.randomness import seed_initial_weights, torch_generator
from flowshot.diagnostics.latent import Diagnosis, diagnose
from flowshot.models.autoencoders.vae.config import VAEConfig
from flowshot.models.autoencoders.vae.training import train
from flowshot.models.autoencoders.vae.vae import VAE
from flowshot.sources.synthesis.synthesizer import CLASSES, Clip, noise_generator, render
from flowshot.training.config import TrainConfig
from flowshot.training.job import TrainingJob
from flowshot.training.losses import ReconstructionLoss

SAMPLE_RATE, SAMPLES = 8000, 4000
PARAMS = project_params()
MODEL = dataclasses.replace(
    PARAMS.section("autoencoder", VAEConfig),
    bands=16,
    latent_size=16,
    channels=(32, 48, 64),
    strides=(4, 2, 2),
    decoder_dilations=(1,),
)
TRAINING = PARAMS.section("train", TrainConfig)
LOSS = dataclasses.replace(TRAINING.loss, fft_sizes=(512, 128))


@dataclass(frozen=True)
class Case:
    """One thing that differs, and the verdict that must follow."""

    name: str
    verdict: str
    beta: float = TRAINING.beta
    # Which dimensions the decoder is given.
    heard: tuple[float, ...] = field(default=(1.0,) * MODEL.latent_size)


HALF = (1.0, 0.0) * (MODEL.latent_size // 2)
CASES = (
    Case("default", "healthy"),
    Case("beta 1000", "collapsed", beta=1000.0),
    Case("decoder that ignores the latent", "collapsed", heard=(0.0,) * MODEL.latent_size),
    Case("half of the dimensions zeroed", "partly_collapsed", heard=HALF),
)


class Deaf(VAE):
    """An autoencoder whose decoder is given only some dimensions of the latent, the others as zeros."""

    def __init__(self, config: VAEConfig, clip_samples: int, heard: tuple[float, ...]) -> None:
        super().__init__(config, clip_samples, SAMPLE_RATE)
        self.heard = torch.tensor(heard)

    def decode(self, latent: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """Of `latent: [batch, latent_size]`, as far as it is heard."""
        return super().decode(latent * self.heard, generator)


@dataclass(frozen=True)
class Outcome:
    """What became of a case under a seed."""

    case: str
    seed: int
    diagnosis: Diagnosis
    seconds: float


def main() -> None:
    """Train every case under every seed, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(8)))
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="trainings side by side")
    parser.add_argument("--out", type=Path, default=Path("reports/checks/planted.md"))
    chosen = parser.parse_args()
    work = [(case, seed, chosen.steps) for seed in chosen.seeds for case in CASES]
    # Spawned, because a forked process would share the state of torch's threads.
    with multiprocessing.get_context("spawn").Pool(chosen.jobs) as pool:
        outcomes = list(tqdm(pool.imap(run, work), total=len(work), disable=None))
    with whole_file(chosen.out) as file:
        file.write_text(page(outcomes, chosen.steps), encoding="utf-8")
    wrong = [one for one in outcomes if one.diagnosis.verdict != expected(one.case)]
    for one in wrong:
        print(f"{one.case}, seed {one.seed}: {one.diagnosis.verdict}: {one.diagnosis.reason}", file=sys.stderr)
    sys.exit(1 if wrong else 0)


def run(work: tuple[Case, int, int]) -> Outcome:
    """Train and diagnose one case as the `train` stage does."""
    case, seed, steps = work
    prepare_threads(1)
    training, held_out = clips("train", 12), clips("valid", 4)
    seed_initial_weights(seed, "planted")
    model = Deaf(MODEL, SAMPLES, case.heard)
    config = dataclasses.replace(
        TRAINING, beta=case.beta, learning_rate=2e-3, loss=LOSS, validate_every=50, beta_warmup_steps=50,
        precision="float32",
    )  # fmt: skip
    dataset: Any = SimpleNamespace(clips={"train": training, "valid": held_out}.__getitem__)
    trained = train(model, TrainingJob(dataset, config, BudgetConfig(steps, 16), torch_generator(seed, "planted")))
    model.load_state_dict(trained.best)
    loss = ReconstructionLoss(LOSS, SAMPLE_RATE)
    draws = torch_generator(seed, "planted", "diagnose")
    history = [row["train_reconstruction"] for row in trained.history]
    found = diagnose(model, held_out, lambda a, b: loss(a, b)[0], draws, training, history=history)
    return Outcome(case.name, seed, found, trained.seconds)


@cache
def clips(split: str, of_each_class: int) -> np.ndarray:
    """Half a second of synthesised clips of every class, `[clips, samples]` float32; the same for every seed."""
    rendered = np.zeros((len(CLASSES) * of_each_class, SAMPLES), dtype=np.float32)
    names = [f"{split}/{label}_{number}" for label in CLASSES for number in range(of_each_class)]
    for row, name in enumerate(names):
        clip = Clip(name, CLASSES[row // of_each_class], seed=0)
        audio = render(clip.label, clip.values, SAMPLE_RATE, noise_generator(clip.seed, clip.file))[:SAMPLES]
        rendered[row, : len(audio)] = audio
    return rendered


def expected(case: str) -> str:
    """The verdict that must follow from what was planted."""
    return next(each.verdict for each in CASES if each.name == case)


def page(outcomes: Sequence[Outcome], steps: int) -> str:
    """Markdown: one row per case, with the smallest and the largest of each number over seeds."""
    columns = ("used_units", "active_units", "kl", "mutual_information", "shuffle_gap", "reconstruction")
    seeds = len({one.seed for one in outcomes})
    lines = [
        "# Planted cases",
        "",
        f"`python scripts/planted_collapse.py` trained each case for {steps} steps of 16 clips under {seeds} "
        f"{'seed' if seeds == 1 else 'seeds'}, on {machine()}; {time.strftime('%Y-%m-%d', time.gmtime())}, code "
        f"`{git_revision(Path.cwd())}`. Synthesised clips of {SAMPLES / SAMPLE_RATE:g} s at {SAMPLE_RATE} Hz, latent "
        f"size {MODEL.latent_size}. Ranges are over seeds; divergences in nats.",
        "",
        f"| case | verdict due | right | {' | '.join(columns)} | training (s) |",
        f"|:--|:--|--:|{'--:|' * len(columns)}--:|",
    ]
    for case in CASES:
        mine = [one for one in outcomes if one.case == case.name]
        if mine:
            right = sum(one.diagnosis.verdict == case.verdict for one in mine)
            cells = [spread([float(getattr(one.diagnosis, name)) for one in mine]) for name in columns]
            cells.append(spread([one.seconds for one in mine]))
            lines.append(f"| {case.name} | `{case.verdict}` | {right} of {len(mine)} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def spread(values: Sequence[float]) -> str:
    """The smallest and the largest, or the one that they are."""
    low, high = f"{min(values):.3g}", f"{max(values):.3g}"
    return low if low == high else f"{low} to {high}"


if __name__ == "__main__":
    main()
