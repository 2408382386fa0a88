"""What the `train` stage does with a RAVE that was trained elsewhere: check it on the clips, and measure it."""

import dataclasses

import torch

from flowshot.clips.batches import evenly_spaced
from flowshot.core.errors import FlowshotError
from flowshot.diagnostics.validation import GAP_CLIPS, validate
from flowshot.models.autoencoders.exported_rave.network import ExportedRave
from flowshot.optimisation.progress import Trained, copy_weights
from flowshot.training.job import TrainingJob
from flowshot.training.losses import ReconstructionLoss

# How alike clips and what is decoded of them must be, where that comes late, for the time to be told from chance.
CLEAR_CORRELATION = 0.3


def train(model: ExportedRave, job: TrainingJob) -> Trained:
    """`model` as what a training of 0 steps leaves; its history is one row, of a validation like every other.

    Of `job.training` the loss and beta apply, and to what is measured alone.

    Raises:
        FlowshotError: the latents of the clips are nothing that a prior could be fitted to.
    """
    train_clips, valid_clips = job.dataset.clips("train"), job.dataset.clips("valid")
    seen = torch.from_numpy(evenly_spaced(train_clips, GAP_CLIPS)).to(next(model.parameters()).device)
    latents = model.encode_mean(seen)
    check_latents(model, latents)
    late = delay_of(seen, model.decode(latents)) if model.caches else 0
    if late:
        job.say(
            f"{model.path}: clips come out {late} samples late, as an export for streaming has it; set "
            f"delay to {model.delay + late}"
        )
    loss = ReconstructionLoss(job.training.loss, model.sample_rate).to(seen.device)
    # Compiled code of others runs in the precision that it was made for.
    config = dataclasses.replace(job.training, precision="float32")
    row = {"step": 0.0, **validate(model, valid_clips, train_clips, loss, config, job.budget.batch_size)}
    weights = copy_weights(model)
    return Trained(weights, 0, weights, [row], [(0, 0.0)])


def check_latents(model: ExportedRave, latents: torch.Tensor) -> None:
    """Raise FlowshotError where `latents: [clips, latent_size]` are not finite, constant, or codes."""
    frames = latents.unflatten(1, model.latent_shape).transpose(0, 1).flatten(1)
    if not frames.isfinite().all():
        raise FlowshotError(f"{model.path}: gives latents of the training clips that are not finite; export it again")
    if (frames == frames.round()).all():
        raise FlowshotError(
            f"{model.path}: gives whole numbers, the codes of a discrete RAVE, to which no prior here can be fitted; "
            "export a variational one (v1, v2 or v2_small)"
        )
    constant = (frames.amax(1) - frames.amin(1) <= 1e-6 * frames.abs().amax(1)).nonzero().flatten().tolist()
    if constant:
        raise FlowshotError(
            f"{model.path}: latent dimension {constant[0]} is the same for all training clips, so that no prior can be "
            "fitted; export with a lower --fidelity, or train the model longer"
        )


def delay_of(clips: torch.Tensor, decoded: torch.Tensor) -> int:
    """By how many samples `decoded` comes after `clips`, both `[n, samples]`; 0 where that cannot be told.

    It is where their correlation, as a sum over clips, is largest, among all delays of less than a clip.
    """
    size = 2 * clips.shape[1]
    products = torch.fft.rfft(clips, size).conj() * torch.fft.rfft(decoded, size)
    correlation = torch.fft.irfft(products.sum(0), size)[: clips.shape[1]].abs()
    late = int(correlation.argmax())
    alike = correlation[late] / (clips.square().sum() * decoded.square().sum()).sqrt().clamp_min(1e-12)
    return late if alike > CLEAR_CORRELATION else 0
