"""A VAE so small that a training takes a second, clips for it, and the settings of its training."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import torch

from defaults import default
from flowshot.core.plan import BudgetConfig
from flowshot.models.autoencoders.vae.config import VAEConfig
from flowshot.models.autoencoders.vae.training import train
from flowshot.models.autoencoders.vae.vae import VAE
from flowshot.optimisation.progress import Trained, Weights, copy_weights
from flowshot.training.config import LossConfig, TrainConfig
from flowshot.training.job import TrainingJob

SAMPLES, RATE = 256, 16000
FFT_SIZES = (128, 32)
LOSS = default(LossConfig, "train.loss", fft_sizes=FFT_SIZES)
FLOWS = {"posterior_flow": "iaf", "prior_flow": "nsf"}
ARMS = {
    "no_nf": {}, "nf_posterior": {"posterior_flow": "iaf"}, "nf_prior": {"prior_flow": "nsf"}, "nf_both": FLOWS,
}  # fmt: skip


def sines(count, seed=0):
    """Decaying sines of different pitch, `[count, SAMPLES]`."""
    pitch = np.random.default_rng(seed).uniform(0.02, 0.2, (count, 1))
    time = np.arange(SAMPLES)
    return (0.8 * np.sin(2 * np.pi * pitch * time) * np.exp(-time / 80)).astype(np.float32)


def tiny_config(**changes):
    values = {"bands": 4, "latent_size": 4, "channels": (8, 8), "strides": (4, 4), "flow_layers": 1, "flow_width": 8}
    return default(VAEConfig, "autoencoder", **{**values, **changes})


def tiny_vae(seed=0, **changes):
    torch.manual_seed(seed)
    return VAE(tiny_config(**changes), SAMPLES, RATE)


def settings(**changes):
    """The committed settings, with few steps of warm-up and many validations; `loss` and others may be in part."""
    values = {
        "beta_warmup_steps": 5, "warmup_steps": 2, "log_every": 3, "validate_every": 4, "precision": "float32",
        "learning_rate": 5e-3, "beta": 0.01, "loss": {"fft_sizes": FFT_SIZES},
    }  # fmt: skip
    return default(TrainConfig, "train", **{**values, **changes})


@dataclass(frozen=True)
class Finished(Trained):
    """What a training gives, and the weights that the model has after the last step."""

    last: Weights


def run(steps=8, model=None, seed=0, clips=None, valid=None, config=None, **callbacks):
    """A training of a tiny VAE; random numbers of its own, so that it may be repeated."""
    sets = {"train": sines(8) if clips is None else clips, "valid": sines(5, seed=1) if valid is None else valid}
    dataset, budget = SimpleNamespace(clips=sets.__getitem__), BudgetConfig(steps=steps, batch_size=4)
    config, generator = settings() if config is None else config, torch.Generator().manual_seed(seed)
    model = tiny_vae() if model is None else model
    trained = train(model, TrainingJob(dataset, config, budget, generator, **callbacks))
    return Finished(**vars(trained), last=copy_weights(model))
