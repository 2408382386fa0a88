"""An exported RAVE is not trained: it is checked on the clips, and measured."""

import dataclasses

import torch

from flowshot.clips.batches import evenly_spaced
from flowshot.core.errors import FlowshotError
from flowshot.diagnostics.validation import GAP_CLIPS, validate
from flowshot.models.autoencoders.exported_rave.model import ExportedRave
from flowshot.optimisation.progress import Trained, copy_weights
from flowshot.training.job import TrainingJob
from flowshot.training.losses import ReconstructionLoss

CLEAR_CORRELATION = 0.3  # of clips and reconstructions: anything above is no chance


def train(model: ExportedRave, job: TrainingJob) -> Trained:
    """A training of 0 steps, whose history is one validation with the loss and beta of `job.training`.

    Raises:
        FlowshotError: no prior could be fitted to the latents of the clips.
    """
    train_clips, valid_clips = job.dataset.clips("train"), job.dataset.clips("valid")
    seen = torch.from_numpy(evenly_spaced(train_clips, GAP_CLIPS)).to(next(model.parameters()).device)
    latents = model.encode_mean(seen)
    check_latents(model, latents)
    late = delay_of(seen, model.decode(latents)) if model.caches else 0
    if late:
        delay = model.delay + late
        job.say(f"{model.path}: is a streaming export, and its clips are {late} samples late; set delay to {delay}")
    loss = ReconstructionLoss(job.training.loss, model.sample_rate).to(seen.device)
    # Compiled code of others runs in the precision that it was made for.
    config = dataclasses.replace(job.training, precision="float32")
    row = {"step": 0.0, **validate(model, valid_clips, train_clips, loss, config, job.budget.batch_size)}
    return Trained(copy_weights(model), 0, [row], [(0, 0.0)], "")


def check_latents(model: ExportedRave, latents: torch.Tensor) -> None:
    """Raise FlowshotError if `latents: [clips, latent_size]` are codes, or a dimension is constant or not finite."""
    frames = latents.unflatten(1, model.latent_shape).transpose(0, 1).flatten(1)
    if frames.isfinite().all() and (frames == frames.round()).all():
        raise FlowshotError(
            f"{model.path}: gives the codes of a discrete RAVE, to which no prior can be fitted; "
            "export a variational one (v1, v2 or v2_small)"
        )
    varies = frames.amax(1) - frames.amin(1) > 1e-6 * frames.abs().amax(1)
    if not varies.all():
        raise FlowshotError(
            f"{model.path}: latent dimension {int(varies.int().argmin())} is constant or not finite for all training "
            "clips, so no prior can be fitted; export with a lower --fidelity, or train the model for longer"
        )


def delay_of(clips: torch.Tensor, decoded: torch.Tensor) -> int:
    """The delay of `decoded` against `clips`, both `[n, samples]`, in samples, at which they correlate most.

    It is 0 where that is not clear.
    """
    size = 2 * clips.shape[1]
    products = torch.fft.rfft(clips, size).conj() * torch.fft.rfft(decoded, size)
    correlation = torch.fft.irfft(products.sum(0), size)[: clips.shape[1]].abs()
    late = int(correlation.argmax())
    alike = correlation[late] / (clips.square().sum() * decoded.square().sum()).sqrt().clamp_min(1e-12)
    return late if alike > CLEAR_CORRELATION else 0
