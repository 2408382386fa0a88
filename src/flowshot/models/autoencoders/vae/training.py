"""How a VAE is trained, as every kind of model is: from a job."""

from flowshot.models.autoencoders.vae.loop import train as train_loop
from flowshot.models.autoencoders.vae.vae import VAE
from flowshot.optimisation.progress import Trained
from flowshot.training.job import TrainingJob


def train(model: VAE, job: TrainingJob) -> Trained:
    """Train `model` as the job says."""
    learned, held_out = job.dataset.clips("train"), job.dataset.clips("valid")
    return train_loop(
        model, learned, held_out, job.dataset.sample_rate, job.training, job.budget, job.generator, job.on_row,
        job.on_best, job.checkpoint,
    )  # fmt: skip
