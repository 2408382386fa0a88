"""What the training loop costs, and how fast it is beside those of acids-rave and pythae."""

import contextlib
import dataclasses
import importlib.util
import io
import statistics
import warnings
from collections.abc import Callable
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.measuring import (
    BATCH_SIZE,
    CLIP_SECONDS,
    SAMPLE_RATE,
    Numbers,
    decaying_noise,
    default_model,
    default_training,
    median_ratio,
    training_in_turns,
    unvalidated,
)
from flowshot.core.params import project_params
from flowshot.models.autoencoders.rave.model import RaveAutoencoder, rave_configuration
from flowshot.models.autoencoders.registry import read_autoencoder
from flowshot.models.autoencoders.vae.vae import VAE
from flowshot.training.losses import ReconstructionLoss

NOT_INSTALLED = "not installed"


def parameters(module: nn.Module) -> int:
    """How many numbers a module learns."""
    return sum(each.numel() for each in module.parameters())


def bare_step(model: VAE, clips: Tensor) -> Callable[[], None]:
    """Forward, backward and step of `model` on the same `clips: [batch, samples]` at every call, and nothing else."""
    loss = ReconstructionLoss(default_training().loss, SAMPLE_RATE)
    optimizer, beta = torch.optim.Adam(model.parameters(), betas=(0.9, 0.99), fused=True), default_training().beta
    noise = torch.Generator().manual_seed(0)

    def step() -> None:
        output = model(clips, noise)
        total = loss(output.clips, clips)[0].mean() + beta * output.kl.mean()
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        optimizer.step()

    return step


def loop_overhead(group: int = 10, rounds: int = 15) -> Numbers:
    """The loop, with its batches, schedules, clipping, checks and rows of history, against its bare step."""
    clips = decaying_noise(64)
    step = bare_step(default_model(), torch.from_numpy(clips[:BATCH_SIZE]))

    def peer() -> None:
        for _ in range(group):
            step()

    pairs = training_in_turns(peer, clips, unvalidated(), group, rounds)
    return {
        "loop over bare step": median_ratio(pairs),
        "seconds of audio per second": CLIP_SECONDS * BATCH_SIZE * group / statistics.median(pair[0] for pair in pairs),
    }


def against_rave(group: int = 2, rounds: int = 7) -> Numbers:
    """Training throughput against acids-rave's v2_small, first phase, with as many parameters.

    RAVE's own training step, without Lightning around it, on batches of as many clips, each padded to what its losses
    need. Of its two counts the first is all samples that it processes, padding included, the second the clips.
    """
    if importlib.util.find_spec("rave") is None:
        return {"throughput over RAVE's, samples processed": NOT_INSTALLED}
    ours = parameters(default_model())
    model = rave_of_size(ours)
    clips = decaying_noise(BATCH_SIZE)
    step = rave_step(model, torch.from_numpy(clips))

    def peer() -> None:
        for _ in range(group):
            step()

    with rave_configuration(model.config, SAMPLE_RATE, phase_1_steps=10**9):
        pairs = training_in_turns(peer, clips, unvalidated(), group, rounds)
    times_faster = median_ratio([(theirs, mine) for mine, theirs in pairs])
    padded_seconds = model.padded / SAMPLE_RATE
    audio = BATCH_SIZE * group * CLIP_SECONDS
    return {
        "throughput over RAVE's, samples processed": times_faster * CLIP_SECONDS / padded_seconds,
        "throughput over RAVE's, clips": times_faster,
        "our seconds of audio per second": audio / statistics.median(mine for mine, _ in pairs),
        "our parameters": ours,
        "RAVE's parameters": generator_parameters(model),
        "RAVE's capacity": model.config.capacity,
    }


def rave_of_size(wanted: int) -> RaveAutoencoder:
    """RAVE's v2_small with the capacity whose encoder and decoder have nearest to `wanted` parameters."""
    models: dict[int, RaveAutoencoder] = {}
    settings = read_autoencoder(project_params(), "rave").config

    def size(capacity: int) -> int:
        config = dataclasses.replace(settings, capacity=capacity)
        models[capacity] = RaveAutoencoder(config, round(SAMPLE_RATE * CLIP_SECONDS), SAMPLE_RATE)
        return generator_parameters(models[capacity])

    low, high = 8, 128
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if size(middle) <= wanted else (low, middle)
    return min(models.values(), key=lambda model: abs(generator_parameters(model) - wanted))


def generator_parameters(model: RaveAutoencoder) -> int:
    """Of encoder and decoder; the discriminators take no part in the first phase."""
    return parameters(model.rave.encoder) + parameters(model.rave.decoder)


def rave_step(model: RaveAutoencoder, clips: Tensor) -> Callable[[], None]:
    """RAVE's training step on `clips: [batch, samples]`; what it would log is dropped."""
    rave: Any = model.rave.train()
    rave.warmup = 10**9
    with rave_configuration(model.config, SAMPLE_RATE, phase_1_steps=10**9):
        optimizers = [each["optimizer"] for each in rave.configure_optimizers()]
    # Without a trainer there is nobody whom it could ask or tell.
    for name, value in {"optimizers": lambda: optimizers, "log": ignore, "log_dict": ignore}.items():
        object.__setattr__(rave, name, value)
    return lambda: rave.training_step(model.pad(clips), 0)


def ignore(*arguments: object, **named: object) -> None:
    """Nothing."""


def against_pythae(group: int = 10, rounds: int = 5) -> Numbers:
    """Training throughput against pythae's VAE and trainer, on the same clips.

    Both have our encoder and decoder and the squared error of the samples as their loss, in nats, so that what differs
    is the program around them.
    """
    if importlib.util.find_spec("pythae") is None:
        return {"throughput over pythae's": NOT_INSTALLED}
    clips = decaying_noise(BATCH_SIZE * group)
    config = unvalidated(loss=dataclasses.replace(default_training().loss, likelihood="gaussian"))
    with TemporaryDirectory() as folder, quiet():
        trainer = pythae_trainer(default_model(waveform=True), clips, folder)
        pairs = training_in_turns(lambda: trainer.train_step(1), clips, config, group, rounds)
    return {"throughput over pythae's": median_ratio([(theirs, mine) for mine, theirs in pairs])}


@contextlib.contextmanager
def quiet() -> Any:
    """pythae draws bars and warns of packages that it could use."""
    with contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def pythae_trainer(model: VAE, clips: np.ndarray, folder: str) -> Any:
    """pythae's trainer of its VAE around the networks of `model`; an epoch is all of `clips: [n, samples]` once."""
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE as PeerVAE
    from pythae.models import VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.heads = model.encoder, model.heads

        def forward(self, x: Tensor) -> Any:
            posterior = model.posterior(x)
            return ModelOutput(embedding=posterior.mean, log_covariance=2 * posterior.log_scale)

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            self.decoder = model.decoder

        def forward(self, z: Tensor) -> Any:
            return ModelOutput(reconstruction=self.decoder(z))

    tensors = torch.from_numpy(clips)
    vae = PeerVAE(VAEConfig(input_dim=(clips.shape[1],), latent_dim=model.config.latent_size), Encoder(), Decoder())
    settings = BaseTrainerConfig(
        output_dir=folder, per_device_train_batch_size=BATCH_SIZE, num_epochs=1, optimizer_cls="AdamW"
    )
    trainer = BaseTrainer(vae, BaseDataset(tensors, torch.zeros(len(clips))), training_config=settings)
    trainer.prepare_training()
    return trainer
