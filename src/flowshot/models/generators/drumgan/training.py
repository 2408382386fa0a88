"""Training of DrumGAN: a Wasserstein GAN with gradient penalty that grows to the full spectrogram."""

import copy
import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from flowshot.clips.attributes import attributes, attributes_of
from flowshot.clips.batches import evenly_spaced
from flowshot.models.generators.drumgan.model import ROWS, Drumgan
from flowshot.models.generators.drumgan.network import Discriminator, downsampled, upsampled
from flowshot.optimisation.checkpoint import GeneratorState, Stateful
from flowshot.optimisation.progress import Trained
from flowshot.training.job import TrainingJob, uses_bfloat16
from flowshot.training.loop import Terms, clipped_gradients, noise_source, train_by_steps, update_average

PENALTY, DRIFT = 10.0, 0.001


def train(model: Drumgan, job: TrainingJob) -> Trained:
    """Train a copy of the model's network, whose moving average the model keeps; the last weights are the best.

    For what it raises, see `train_by_steps`.
    """
    config, device = model.config, next(model.parameters()).device
    network = copy.deepcopy(model.network)
    with torch.random.fork_rng():
        torch.manual_seed(job.generator.initial_seed())
        discriminator = Discriminator(len(model.attribute_names), config.widths, model.spectrum.shape).to(device)
    if model.attribute_names:
        model.known.copy_(known_attributes(job.dataset.clips("train"), job.dataset.sample_rate))
    optimizers = [
        torch.optim.Adam(each.parameters(), lr=job.training.learning_rate, betas=(0.0, 0.99))
        for each in (network, discriminator)
    ]
    noise = noise_source(job, device)
    bfloat16 = uses_bfloat16(job.training, device)

    def take_step(clips: Tensor, step: int) -> Terms:
        scale, fade = growth(step, job.budget.steps, len(config.widths), config.last_share, config.fade_share)
        real = at_scale(model.spectrum.of(clips), len(config.widths) - 1 - scale, fade)
        asked = attributes(clips, job.dataset.sample_rate)[:, : len(model.attribute_names)]

        def discriminate(spectrograms: Tensor) -> tuple[Tensor, Tensor]:
            with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
                guesses, scores = discriminator(spectrograms, scale, fade)
            return guesses.float(), scores.float()

        def generate() -> Tensor:
            latent = torch.randn(len(clips), config.latent_size, generator=noise, device=device)
            with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
                generated: Tensor = network(latent, asked, scale, fade)
            return generated.float()

        def attribute_loss(guesses: Tensor) -> Tensor:
            if not model.attribute_names:
                return guesses.new_zeros(())
            return config.attribute_weight * functional.mse_loss(guesses.sigmoid(), asked)

        with torch.no_grad():
            fake = generate()
        guesses, real_scores = discriminate(real)
        distance = real_scores.mean() - discriminate(fake)[1].mean()
        mixed = torch.rand(len(clips), 1, 1, 1, generator=noise, device=device)
        # In full precision, because it is differentiated twice.
        penalty = gradient_penalty(lambda x: discriminator(x, scale, fade)[1], torch.lerp(fake, real, mixed))
        of_real = attribute_loss(guesses)
        loss = -distance + penalty + DRIFT * real_scores.square().mean() + of_real
        norm = clipped_gradients(discriminator, loss, math.inf)
        optimizers[1].step()

        discriminator.requires_grad_(False)
        guesses, scores = discriminate(generate())
        of_fake = attribute_loss(guesses)
        generator_norm = clipped_gradients(network, of_fake - scores.mean(), math.inf)
        optimizers[0].step()
        discriminator.requires_grad_(True)
        update_average(model.network, network, config.average, step)
        terms: Terms = {
            "train_loss": loss, "wasserstein": distance, "penalty": penalty, "scale": scale + fade,
            "gradient_norm": norm + generator_norm, "learning_rate": job.training.learning_rate,
        }  # fmt: skip
        return terms | ({"attributes_real": of_real, "attributes_fake": of_fake} if model.attribute_names else {})

    parts: dict[str, Stateful] = {
        "network": network, "discriminator": discriminator, "optimizer": optimizers[0], "critic": optimizers[1],
        "noise": GeneratorState(noise),
    }  # fmt: skip
    return train_by_steps(model, job, parts, take_step)


def growth(step: int, steps: int, scales: int, last_share: float, fade_share: float) -> tuple[int, float]:
    """The scale of a step, counted from 0, and how far it is faded in, from 0 to 1."""
    each = (1 - last_share) * steps / max(1, scales - 1)
    scale = min(int(step / each), scales - 1) if each else scales - 1
    begin = scale * each
    length = each if scale < scales - 1 else steps - begin
    fade = (step - begin) / (fade_share * length) if scale and fade_share else 1.0
    return scale, min(1.0, fade)


def at_scale(spectrograms: Tensor, halvings: int, fade: float) -> Tensor:
    """Real spectrograms, downsampled `halvings` times, mixed with the next smaller scale while it fades in."""
    for _ in range(halvings):
        spectrograms = downsampled(spectrograms)
    return spectrograms if fade == 1 else torch.lerp(upsampled(downsampled(spectrograms)), spectrograms, fade)


def gradient_penalty(score: Callable[[Tensor], Tensor], points: Tensor) -> Tensor:
    """10 (|gradient| - 1)^2 of the scores at `points: [batch, ...]`, on average (Gulrajani et al. 2017, 1704.00028)."""
    points = points.detach().requires_grad_(True)
    slope = torch.autograd.grad(score(points).sum(), points, create_graph=True)[0]
    return PENALTY * (slope.flatten(1).norm(dim=1) - 1).square().mean()


def known_attributes(clips: np.ndarray, sample_rate: int) -> Tensor:
    """The attributes of `ROWS` of `clips: [n, samples]`, spread over the set, or repeated where it has fewer."""
    found = attributes_of(evenly_spaced(clips, ROWS), sample_rate)
    return found[torch.arange(ROWS) % len(found)]
