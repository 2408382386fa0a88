"""Training of DrumGAN: a Wasserstein GAN with gradient penalty that grows to the full spectrogram."""

import copy
import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from flowshot.clips.attributes import attributes, attributes_of
from flowshot.clips.batches import evenly_spaced, ordered_batches
from flowshot.models.generators.drumgan.model import ROWS, Drumgan
from flowshot.models.generators.drumgan.network import Discriminator, downsampled, upsampled
from flowshot.models.generators.drumgan.spectrum import Spectrum
from flowshot.optimisation.checkpoint import GeneratorState, Stateful
from flowshot.optimisation.progress import Trained
from flowshot.training.job import TrainingJob, uses_bfloat16
from flowshot.training.loop import Terms, clipped_gradients, noise_source, train_by_steps, update_average

PENALTY, DRIFT = 10.0, 0.001
NORM = 10.0  # of a spectrogram in the penalty's unit of length
BATCH_SIZE = 64  # clips measured at once
SMALLEST = 1e-4  # size of a scale at which clips have nothing


def train(model: Drumgan, job: TrainingJob) -> Trained:
    """Train a copy of the model's network, whose moving average the model keeps; the last weights are the best.

    For what it raises, see `train_by_steps`.
    """
    config, device = model.config, next(model.parameters()).device
    network = copy.deepcopy(model.network)
    with torch.random.fork_rng():
        torch.manual_seed(job.generator.initial_seed())
        discriminator = Discriminator(len(model.attribute_names), config.widths, model.spectrum.shape).to(device)
    measure_clips(model, job.dataset.clips("train"))
    optimizers = [
        torch.optim.Adam(each.parameters(), lr=job.training.learning_rate, betas=(0.0, 0.99))
        for each in (network, discriminator)
    ]
    noise = noise_source(job, device)
    bfloat16 = uses_bfloat16(job.training, device)

    def take_step(clips: Tensor, step: int) -> Terms:
        scale, fade = growth(step, job.budget.steps, len(config.widths), config.last_share, config.fade_share)
        real = at_scale(model.spectrum.of(clips), model.sizes, scale, fade)
        asked = attributes(clips, job.dataset.sample_rate) if model.attribute_names else clips.new_zeros(len(clips), 0)
        given = model.standardised(asked)

        def discriminate(spectrograms: Tensor) -> tuple[Tensor, Tensor]:
            with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
                guesses, scores = discriminator(spectrograms, scale, fade)
            return guesses.float(), scores.float()

        def generate() -> Tensor:
            latent = torch.randn(len(clips), config.latent_size, generator=noise, device=device)
            with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
                generated: Tensor = network(latent, given, scale, fade)
            return generated.float()

        def attribute_loss(guesses: Tensor, wanted: Tensor) -> Tensor:
            if not model.attribute_names:
                return guesses.new_zeros(())
            return config.attribute_weight * functional.mse_loss(guesses.sigmoid(), wanted)

        with torch.no_grad():
            fake = generate()
        guesses, real_scores = discriminate(real)
        fake_guesses, fake_scores = discriminate(fake)
        distance = real_scores.mean() - fake_scores.mean()
        mixed = torch.rand(len(clips), 1, 1, 1, generator=noise, device=device)
        unit = math.sqrt(real[0].numel()) / NORM  # spectrograms have a mean square of 1
        penalty = gradient_penalty(lambda x: discriminate(unit * x)[1], torch.lerp(fake, real, mixed) / unit)
        of_real = attribute_loss(guesses, asked)
        loss = -distance + penalty + DRIFT * real_scores.square().mean() + of_real
        if model.attribute_names and scale == len(config.widths) - 1 and fade == 1:
            # Smaller spectrograms are not those of a clip, whose attributes could be measured.
            loss = loss + attribute_loss(fake_guesses, attributes(model.clips(fake), job.dataset.sample_rate))
        norm = clipped_gradients(discriminator, loss, math.inf)
        optimizers[1].step()

        discriminator.requires_grad_(False)
        guesses, scores = discriminate(generate())
        of_fake = attribute_loss(guesses, asked)
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


def measure_clips(model: Drumgan, clips: np.ndarray) -> None:
    """Measure the sizes and attributes that the model keeps, on `ROWS` of `clips: [n, samples]`, or all there are."""
    shown = evenly_spaced(clips, ROWS)
    model.sizes.copy_(sizes_of(model.spectrum, shown, len(model.sizes)))
    if model.attribute_names:
        found = attributes_of(shown, model.sample_rate)
        model.known.copy_(found[torch.arange(ROWS) % len(found)])


def growth(step: int, steps: int, scales: int, last_share: float, fade_share: float) -> tuple[int, float]:
    """The scale of a step, counted from 0, and how far it is faded in, from 0 to 1."""
    each = (1 - last_share) * steps / max(1, scales - 1)
    scale = min(int(step / each), scales - 1) if each else scales - 1
    begin = scale * each
    length = each if scale < scales - 1 else steps - begin
    fade = (step - begin) / (fade_share * length) if scale and fade_share else 1.0
    return scale, min(1.0, fade)


def at_scale(spectrograms: Tensor, sizes: Tensor, scale: int, fade: float) -> Tensor:
    """Real spectrograms as the networks see them at a scale, mixed with the next smaller one while it fades in.

    `sizes: [scales]` is what each scale is divided by.
    """
    for _ in range(len(sizes) - 1 - scale):
        spectrograms = downsampled(spectrograms)
    found = spectrograms / sizes[scale]
    if fade == 1:
        return found
    return torch.lerp(upsampled(downsampled(spectrograms)) / sizes[scale - 1], found, fade)


@torch.no_grad()
def sizes_of(spectrum: Spectrum, clips: np.ndarray, scales: int) -> Tensor:
    """The root mean square of the spectrograms of `clips: [n, samples]` at each scale, from the smallest."""
    power = torch.zeros(scales, dtype=torch.float64)
    for batch in ordered_batches(clips, BATCH_SIZE):
        spectrograms = spectrum.of(batch.to(spectrum.window.device))
        for scale in reversed(range(scales)):
            power[scale] += spectrograms.double().square().mean((1, 2, 3)).sum().cpu()
            spectrograms = downsampled(spectrograms)
    return (power / len(clips)).sqrt().clamp(min=SMALLEST)


def gradient_penalty(score: Callable[[Tensor], Tensor], points: Tensor) -> Tensor:
    """10 (|gradient| - 1)^2 of the scores at `points: [batch, ...]`, on average (Gulrajani et al. 2017, 1704.00028)."""
    points = points.detach().requires_grad_(True)
    slope = torch.autograd.grad(score(points).sum(), points, create_graph=True)[0]
    return PENALTY * (slope.flatten(1).norm(dim=1) - 1).square().mean()
