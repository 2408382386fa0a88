"""Train the real RAVE by its own steps, losses, discriminators and optimizers."""

import logging
import warnings
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from flowshot.clips.batches import EndlessBatches, evenly_spaced, ordered_batches
from flowshot.core.errors import FlowshotError
from flowshot.core.plan import BudgetConfig
from flowshot.models.autoencoders.rave.model import RaveAutoencoder, rave_configuration
from flowshot.models.autoencoders.rave.state import History, LearningBatches, RaveState
from flowshot.optimisation.progress import Row, Trained
from flowshot.training.config import TrainConfig
from flowshot.training.job import TrainingJob

BATCH_SIZE = 16  # of clips that are only looked at


class HeldOutBatches(IterableDataset[Tensor]):
    """Padded batches `[batch, 1, samples]` of all clips in their order."""

    def __init__(self, model: RaveAutoencoder, clips: np.ndarray) -> None:
        self.model, self.clips = model, clips

    def __iter__(self) -> Iterator[Tensor]:
        return (self.model.pad(batch) for batch in ordered_batches(self.clips, BATCH_SIZE))


def train(model: RaveAutoencoder, job: TrainingJob) -> Trained:
    """Train `model` through both phases; as in RAVE, the weights of the last step are stored as the best.

    Of `job.training` only `log_every` and `validate_every` apply. An interrupted training resumes bit for bit on the
    same machine and number of threads.

    Raises:
        Interrupted: a stop was requested, and the checkpoint is written.
        FlowshotError: there are fewer validation frames than RAVE's principal components need.
    """
    config, budget = job.training, job.budget
    train_clips, valid_clips = job.dataset.clips("train"), job.dataset.clips("valid")
    check_validation_frames(model, len(valid_clips))
    steps_of_phase_1 = max(1, round(model.config.phase_1_share * budget.steps))
    model.rave.warmup = steps_of_phase_1
    learning = LearningBatches(model, EndlessBatches(train_clips, budget.batch_size, job.generator), budget.steps)
    history = History(job.on_row)
    state = RaveState(model, learning, history, job.checkpoint)
    with rave_configuration(model.config, model.sample_rate, steps_of_phase_1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning's advice on workers, lengths and loggers
        trainer = trainer_of(model, config, budget, history, state)
        state.restore(trainer)
        loaders = [DataLoader(each, batch_size=None) for each in (learning, HeldOutBatches(model, valid_clips))]
        trainer.fit(model.rave, *loaders)
    if trainer.interrupted:
        # Lightning takes a second Ctrl-C for the end of the training.
        raise KeyboardInterrupt
    model.cpu().eval()
    of_valid = audio_distance(model, valid_clips)
    of_train = audio_distance(model, evenly_spaced(train_clips, len(valid_clips)))
    last = {
        "step": float(budget.steps),
        "valid_reconstruction": of_valid,
        "train_reconstruction_clean": of_train,
        "reconstruction_gap": of_valid - of_train,
    }
    weights = model.weights()
    times = [*history.times, (budget.steps, history.seconds)]
    return Trained(weights, budget.steps, weights, merge_rows([*history.rows, last]), times)


def trainer_of(
    model: RaveAutoencoder, config: TrainConfig, budget: BudgetConfig, history: History, state: RaveState
) -> Any:
    """Lightning's trainer with RAVE's own schedules; it fills `history`, and tells `state` of every step."""
    # Imported here: an extra.
    import pytorch_lightning as lightning
    from rave.model import BetaWarmupCallback, WarmupCallback

    # No lines on hardware.
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    # Before the schedules, which read their own state at the same time.
    keeper = lightning.callbacks.LambdaCallback(on_train_batch_start=lambda *given: state.before_step(given[-1]))
    return lightning.Trainer(
        max_steps=budget.steps,
        accelerator="gpu" if torch.cuda.is_available() else "cpu",
        devices=1,
        logger=recorder_of(lightning, model.rave, model.padded // model.ratio, history),
        log_every_n_steps=config.log_every,
        val_check_interval=min(config.validate_every, budget.steps),
        callbacks=[keeper, WarmupCallback(), BetaWarmupCallback()],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )


def check_validation_frames(model: RaveAutoencoder, clips: int) -> None:
    """Raise FlowshotError where `clips` validation clips have too few frames for RAVE's principal components."""
    frames = clips * (model.padded // model.ratio)
    if frames < model.config.latent_size:
        raise FlowshotError(
            f"autoencoder `rave`: {clips} validation clips have {frames} frames, but the principal components of "
            f"{model.config.latent_size} latent dimensions need as many; add clips or lower rave.latent_size"
        )


@torch.no_grad()
def audio_distance(model: RaveAutoencoder, clips: np.ndarray) -> float:
    """Mean of RAVE's distance between `clips: [n, samples]` and their reconstructions, always with the same draws."""
    generator, total = torch.Generator().manual_seed(0), 0.0
    for batch in ordered_batches(clips, BATCH_SIZE):
        decoded = model.decode(model.encode(batch, generator).squeeze(1), generator)
        distances = model.rave.audio_distance(model.pad(batch), model.pad(decoded))
        total += float(sum(distances.values())) * len(batch)
    return total / len(clips)


def recorder_of(lightning: Any, module: Any, frames: int, history: History) -> Any:
    """A logger of Lightning that fills `history`."""

    class Recorder(lightning.loggers.logger.Logger):
        name, version = "rave", "0"
        # RAVE writes audio and text to TensorBoard.
        experiment = SimpleNamespace(add_audio=lambda *given: None, add_text=lambda *given: None)

        def log_hyperparams(self, params: Any, *arguments: Any, **named: Any) -> None:
            """Nothing."""

        def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
            """Make a row of the history."""
            history.add(row_of(metrics, int(step or 0) + 1, module.beta_factor, frames))

    return Recorder()


def row_of(metrics: dict[str, float], step: int, beta: float, frames: int) -> Row:
    """What RAVE logs, under the column names of every history where there is one.

    RAVE's divergence is twice the nats and a mean over frames; `train_kl` is in nats for each padded clip.
    """
    row: Row = {"step": float(step)}
    terms = {name: float(value) for name, value in metrics.items() if name != "epoch"}
    if "validation" in terms:
        row["valid_reconstruction"] = terms["validation"]
    distances = [value for name, value in terms.items() if name.startswith(("multiband_", "fullband_"))]
    if distances:
        divergence = terms.get("regularization", 0.0)
        row["train_reconstruction"] = sum(distances)
        row["train_loss"] = sum(distances) + divergence + terms.get("feature_matching", 0.0)
        row["train_loss"] += terms.get("adversarial", 0.0)
        row["train_kl"] = divergence / beta / 2 * frames
        row["beta"] = beta
        row |= {name: value for name, value in terms.items() if name not in ("beta_factor", "validation")}
    return row


def merge_rows(rows: list[Row]) -> list[Row]:
    """One row a step, in their order; later values of a step win."""
    merged: dict[float, Row] = {}
    for row in rows:
        merged.setdefault(row["step"], {}).update(row)
    return [merged[step] for step in sorted(merged)]
