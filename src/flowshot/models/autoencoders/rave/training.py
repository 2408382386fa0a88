"""Train the real RAVE by its own steps, losses, discriminators and optimizers, without Lightning's loop around them."""

import time
import warnings
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from flowshot.clips.batches import EndlessBatches, evenly_spaced, ordered_batches
from flowshot.core.errors import FlowshotError
from flowshot.models.autoencoders.rave.model import RaveAutoencoder, rave_configuration
from flowshot.optimisation.checkpoint import GeneratorState, Stateful
from flowshot.optimisation.progress import Progress, Row, Trained
from flowshot.training.job import TrainingJob

BATCH_SIZE = 16  # of clips that are only looked at


class Surroundings:
    """A stand-in for Lightning's trainer: it writes nothing and keeps logged values in `logged`."""

    def __init__(self) -> None:
        silent = SimpleNamespace(add_audio=lambda *given: None, add_text=lambda *given: None)
        self.logger, self.state = SimpleNamespace(experiment=silent), SimpleNamespace(stage=None)
        self.logged: dict[str, Tensor] = {}

    def log(self, name: str, value: Any) -> None:
        """Remember the newest value."""
        self.logged[name] = torch.as_tensor(value).detach()


def train(model: RaveAutoencoder, job: TrainingJob) -> Trained:
    """Train `model` through both phases; as in RAVE, the weights of the last step are stored as the best.

    Of `job.training` only `log_every` and `validate_every` apply. An interrupted training resumes bit for bit on the
    same machine and number of threads.

    Raises:
        Interrupted: a stop was requested, and the checkpoint is written.
        FlowshotError: there are fewer validation frames than RAVE's principal components need.
    """
    config, steps, rave = job.training, job.budget.steps, model.rave
    train_clips, valid_clips = job.dataset.clips("train"), job.dataset.clips("valid")
    check_validation_frames(model, len(valid_clips))
    device = rave.latent_mean.device
    rave.warmup = max(1, round(model.config.phase_1_share * steps))
    surroundings = Surroundings()
    rave.trainer, rave.log = surroundings, surroundings.log
    rave.log_dict = surroundings.logged.update
    with rave_configuration(model.config, model.sample_rate, rave.warmup), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's advice on schedules
        from rave.model import BetaWarmupCallback

        beta = BetaWarmupCallback()
        (generator, schedule), (discriminator,) = (tuple(each.values()) for each in rave.configure_optimizers())
        rave.optimizers = lambda: (generator, discriminator)
        batches, progress = EndlessBatches(train_clips, job.budget.batch_size, job.generator), Progress({})
        parts: dict[str, Stateful] = {
            "model": model, "generator": generator, "discriminator": discriminator, "progress": progress,
            "schedule": schedule["scheduler"], "batches": batches, "draws": GeneratorState(torch.default_generator),
        }  # fmt: skip
        if device.type == "cuda":
            parts["gpu_draws"] = GeneratorState(torch.cuda.default_generators[device.index or 0])
        job.checkpoint.restore(parts)
        for row in progress.history:
            job.on_row(row)
        start = time.perf_counter() - progress.seconds
        for step in range(progress.step, steps):
            rave.warmed_up = step >= rave.warmup
            beta.state["training_steps"] = step
            beta.on_train_batch_start(None, rave, None, step)
            surroundings.logged.clear()
            rave.train().training_step(model.pad(next(batches).to(device)), step)
            schedule["scheduler"].step()
            progress.step = step + 1
            # At the end of the first phase, too, after which RAVE no longer measures its principal components.
            validates = progress.step % min(job.validate_every, steps) == 0 or progress.step == rave.warmup
            if validates or progress.step % config.log_every == 0 or progress.step == steps:
                row = row_of(surroundings.logged, progress.step, rave.beta_factor, model.padded // model.ratio)
                if validates:
                    measure_components(model, valid_clips)
                    row["valid_reconstruction"] = audio_distance(model, valid_clips)
                progress.add(row, time.perf_counter() - start)
                job.on_row(row)
            progress.seconds = time.perf_counter() - start
            job.checkpoint.after_step(parts, progress.step, steps)
    model.cpu().eval()
    of_valid = audio_distance(model, valid_clips)
    of_train = audio_distance(model, evenly_spaced(train_clips, len(valid_clips)))
    progress.history[-1] |= {
        "valid_reconstruction": of_valid,
        "train_reconstruction_clean": of_train,
        "reconstruction_gap": of_valid - of_train,
    }
    return Trained(model.weights(), steps, progress.history, progress.times, "float32")


@torch.no_grad()
def measure_components(model: RaveAutoencoder, clips: np.ndarray) -> None:
    """Set RAVE's principal components by its own validation on `clips: [n, samples]`.

    The distance that this logs is of whole padded clips, so `audio_distance` takes its place.
    """
    rave = model.rave.eval()
    batches = enumerate(ordered_batches(clips, BATCH_SIZE))
    rave.validation_epoch_end(
        [rave.validation_step(model.pad(batch.to(rave.latent_mean.device)), index) for index, batch in batches]
    )


def check_validation_frames(model: RaveAutoencoder, clips: int) -> None:
    """Raise FlowshotError if `clips` validation clips have too few frames for RAVE's principal components."""
    frames = clips * (model.padded // model.ratio)
    if frames < model.config.latent_size:
        raise FlowshotError(
            f"autoencoder `rave`: {clips} validation clips have {frames} frames, but the principal components of "
            f"{model.config.latent_size} latent dimensions need as many; add clips or lower rave.latent_size"
        )


@torch.no_grad()
def audio_distance(model: RaveAutoencoder, clips: np.ndarray) -> float:
    """Mean of RAVE's distance between `clips: [n, samples]` and their reconstructions, always with the same draws."""
    rave, total = model.rave.eval(), 0.0
    device = rave.latent_mean.device
    generator = torch.Generator(device).manual_seed(0)
    for batch in ordered_batches(clips, BATCH_SIZE):
        batch = batch.to(device)
        decoded = model.decode(model.encode(batch, generator).squeeze(1), generator)
        distances = rave.audio_distance(model.pad(batch), model.pad(decoded))
        total += float(sum(distances.values())) * len(batch)
    return total / len(clips)


def row_of(logged: dict[str, Tensor], step: int, beta: float, frames: int) -> Row:
    """What RAVE logs of a step, under the column names of every history where there is one.

    RAVE's divergence is twice the nats and a mean over frames; `train_kl` is in nats for each padded clip.
    """
    terms = {name: float(value) for name, value in logged.items() if name != "beta_factor"}
    distance = sum(value for name, value in terms.items() if name.startswith(("multiband_", "fullband_")))
    divergence = terms.get("regularization", 0.0)
    loss = distance + divergence + terms.get("feature_matching", 0.0) + terms.get("adversarial", 0.0)
    return {
        "step": float(step),
        "train_reconstruction": distance,
        "train_loss": loss,
        "train_kl": divergence / beta / 2 * frames,
        "beta": beta,
        **terms,
    }
