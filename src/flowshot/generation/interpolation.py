"""Walk from one clip to another through latent space: what lies between two sounds, as a model sees it.

`write_demonstration` lets it be heard, beside test clips and their reconstructions.

The walk is made where the prior that the model was trained with is N(0, I): in the latent space, or in the base space
of its flow. Draws of N(0, I) in d dimensions lie near a sphere of radius sqrt(d). The middle of a straight line lies at
sqrt(d / 2), where the prior has no mass; a great circle stays on the sphere (White 2016, "Sampling Generative
Networks", arXiv:1609.04468).
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from flowshot.clips.flac import write_flac
from flowshot.clips.held_out import NamedClips
from flowshot.core.files import whole_folder, write_json, writing
from flowshot.densities.distributions import Prior
from flowshot.models.base.autoencoder import Autoencoder

PAIRS = 4  # of a demonstration, an even number: a walk joins each two of them
STEPS = 7  # of a walk, its ends among them
PARALLEL = 1e-4  # below this sine of their angle two vectors count as parallel: they define no great circle


@torch.no_grad()
def interpolate(
    model: Autoencoder, first: np.ndarray, second: np.ndarray, steps: int, generator: torch.Generator
) -> np.ndarray:
    """Clips on the way from `first: [samples]` to `second: [samples]`, float32 `[steps, samples]` in [-1, 1].

    The first and the last clip are reconstructions from draws of the posterior: its mean lies inside of the sphere that
    the decoder knows. `generator` draws them and the decoder's noise.
    """
    ends = model.encode(torch.from_numpy(np.stack([first, second]).astype(np.float32)), generator).squeeze(1)
    latents = interpolate_latents(model.prior, ends[0], ends[1], steps)
    return model.decode(latents, generator).numpy()


@torch.no_grad()
def interpolate_latents(prior: Prior, first: Tensor, second: Tensor, steps: int) -> Tensor:
    """Latents `[steps, latent_size]` from `first: [latent_size]` to `second`, along the great circle of the prior."""
    ends = torch.stack([first, second])
    if prior.flow is None:
        latents = great_circle(ends[0], ends[1], steps)
    else:
        base, _ = prior.flow.to_base(ends)
        latents, _ = prior.flow.to_latent(great_circle(base[0], base[1], steps))
    # The ends are known exactly; the flow's inverse would round them.
    return torch.cat([ends[:1], latents[1:-1], ends[1:]])


def great_circle(first: Tensor, second: Tensor, steps: int) -> Tensor:
    """`steps` vectors from `first: [d]` to `second: [d]` at equal angles, `[steps, d]`.

    Their lengths change evenly from the one to the other. Vectors on one line, or a zero vector, are joined by a line.
    """
    share = torch.linspace(0, 1, steps, dtype=first.dtype, device=first.device).unsqueeze(1)
    lengths = torch.stack([first.norm(), second.norm()])
    if lengths.min() == 0:
        return torch.lerp(first, second, share)
    directions = first / lengths[0], second / lengths[1]
    angle = torch.arccos((directions[0] @ directions[1]).clamp(-1, 1))
    if angle.sin() < PARALLEL:
        return torch.lerp(first, second, share)
    turned = (((1 - share) * angle).sin() * directions[0] + (share * angle).sin() * directions[1]) / angle.sin()
    return torch.lerp(lengths[0], lengths[1], share) * turned


def write_demonstration(
    folder: Path,
    model: Autoencoder,
    originals: NamedClips,
    reconstructions: np.ndarray,
    generator: torch.Generator,
    sample_rate: int,
) -> None:
    """Write pairs of `originals` and their `reconstructions: [n, samples]`, and walks between them, as FLAC.

    The pairs lie at equal distances in the set, so they are the same for every model of a dataset. A small set gives
    fewer pairs. `0-original.flac` and `0-reconstruction.flac` are the first pair, `walk-0-1.flac` is a step of the
    first walk, and `pairs.json` names the source of each pair.
    """
    rows = np.unique(np.linspace(0, len(reconstructions) - 1, PAIRS).round().astype(int))
    clips = {"original": originals.clips, "reconstruction": reconstructions}
    with writing(folder), whole_folder(folder) as fresh:
        write_json(fresh / "pairs.json", [{"group": originals.groups[row]} for row in rows])
        for pair, row in enumerate(rows):
            for name, each in clips.items():
                write_flac(fresh / f"{pair}-{name}.flac", each[row], sample_rate)
        for walk, (first, second) in enumerate(zip(rows[::2], rows[1::2], strict=False)):
            steps = interpolate(model, originals.clips[first], originals.clips[second], STEPS, generator)
            for step, clip in enumerate(steps):
                write_flac(fresh / f"walk-{walk}-{step}.flac", clip, sample_rate)
