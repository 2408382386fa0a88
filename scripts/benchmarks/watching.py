"""What it costs to look at a training, to keep it, and to log it, as parts of the time of training."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from benchmarks.measuring import (
    BATCH_SIZE,
    CLIP_SAMPLES,
    SAMPLE_RATE,
    Numbers,
    decaying_noise,
    default_model,
    default_training,
    seconds,
)
from benchmarks.training import bare_step
from flowshot.core.records import read_record, write_record
from flowshot.diagnostics.latent import diagnose
from flowshot.diagnostics.validation import watch
from flowshot.models.autoencoders.vae.vae import VAE
from flowshot.optimisation.checkpoint import EVERY_SECONDS, Checkpoint, Stateful
from flowshot.tracking.mlflow_runs import MlflowRun
from flowshot.tracking.run import Run
from flowshot.training.losses import ReconstructionLoss

# Of the dataset `samples_original`.
VALIDATION_CLIPS, TRAINING_CLIPS = 118, 600
STEPS = (200, 700)
LOG_SECONDS = 5.0  # between two calls of MLflow


def diagnosis_share(clips: np.ndarray | None = None) -> Numbers:
    """The latent diagnosis, its cheap form at every validation and the whole one at the end, by arm and by steps."""
    clips = decaying_noise(64) if clips is None else clips
    shares: Numbers = {}
    for name, flows in {"no_nf": {}, "nf_both": {"posterior_flow": "iaf", "prior_flow": "nsf"}}.items():
        model = default_model(**flows)
        step, cheap, whole = diagnosis_seconds(model, clips)
        for steps in STEPS:
            validations = -(-steps // default_training().validate_every)
            shares[f"of {steps} steps of {name}"] = (validations * cheap + whole) / (steps * step)
    return shares


def diagnosis_seconds(model: VAE, clips: np.ndarray) -> tuple[float, float, float]:
    """Seconds of a training step of 16 clips, of the cheap diagnosis, and of the whole one."""
    held_out = np.resize(clips, (VALIDATION_CLIPS, clips.shape[1]))
    learned = np.resize(clips, (TRAINING_CLIPS, clips.shape[1]))
    loss = ReconstructionLoss(default_training().loss, SAMPLE_RATE)

    def distance(estimate: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return loss(estimate, target)[0]

    def whole() -> None:
        diagnose(model, held_out, distance, torch.Generator().manual_seed(0), learned)

    of_step = seconds(bare_step(model, torch.from_numpy(clips[:BATCH_SIZE])), runs=5)
    with torch.no_grad():
        posterior = model.eval().posterior(torch.from_numpy(held_out))
    return of_step, seconds(lambda: watch(model, posterior, held_out, distance)), seconds(whole, runs=1)


def checkpoint_share() -> Numbers:
    """Writing the state of a default training, which is done once in `EVERY_SECONDS`."""
    model = default_model()
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.zeros(2, CLIP_SAMPLES)).clips.sum().backward()
    optimizer.step()
    parts: dict[str, Stateful] = {"model": model, "optimizer": optimizer}
    with TemporaryDirectory() as folder:
        checkpoint = Checkpoint(Path(folder, "state"), every_seconds=0)
        taken = seconds(lambda: checkpoint.after_step(parts, 1, 10))
    return {"of training": taken / EVERY_SECONDS, "seconds": taken}


def logging_share(rows: int = 20) -> Numbers:
    """Sending rows of the history to MLflow, as processor time, because a process of its own does it meanwhile.

    Each row is a call of MLflow here, though in a training one call in five seconds takes all that came meanwhile.
    """
    with TemporaryDirectory() as folder:
        names = {"stage": "train", "plan": "bench", "dataset": "noise", "model": "no_nf", "prior": None, "seed": 0}
        write_record(Path(folder), **names, parameters={"steps": rows}, seconds=None)  # type: ignore[arg-type]
        run = MlflowRun(f"sqlite:///{folder}/mlflow.db", Run(Path(folder), read_record(Path(folder)), []))
        begin = time.process_time()
        for step in range(rows):
            run.hold({(f"training/metric {number}", step): (float(number), step) for number in range(15)})
        taken = time.process_time() - begin
    return {"of training": taken / rows / LOG_SECONDS, "processor seconds per row": taken / rows}
