"""The kind `vae`: our own autoencoder, with or without flows."""

from pathlib import Path

from flowshot.models.autoencoders.vae.config import VAEConfig
from flowshot.models.autoencoders.vae.vae import VAE
from flowshot.models.base.kind import ModelCard, ModelKind, TrainingJob
from flowshot.training.progress import Trained


def build(card: ModelCard, folder: Path | None) -> VAE:
    """The untrained model of a card."""
    return VAE(card.config, card.clip_samples, card.sample_rate)


def train_vae(model: VAE, job: TrainingJob) -> Trained:
    """Train `model` as the job says."""
    # Imported here: stages that only load a model need neither training loop nor diagnosis.
    from flowshot.models.autoencoders.vae.loop import train

    learned, held_out = job.dataset.clips("train"), job.dataset.clips("valid")
    return train(
        model, learned, held_out, job.dataset.sample_rate, job.training, job.budget, job.generator, job.on_row,
        job.on_best, job.checkpoint,
    )  # fmt: skip


KIND = ModelKind(config=VAEConfig, build=build, train=train_vae, shared="autoencoder")
