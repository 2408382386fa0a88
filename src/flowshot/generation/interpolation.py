"""Walk from one clip to another through latent space: what lies between two sounds, as a model sees it.

The walk goes through the space in which the model's own prior is N(0, I): the latent space itself, or where the prior
has a flow, that flow's base space. There a straight line is the wrong path. Draws of N(0, I) in d dimensions lie near a
sphere of radius sqrt(d), and the middle of the chord between two of them lies at sqrt(d / 2), where the prior puts no
mass and the decoder has seen nothing. A great circle keeps to the sphere (White 2016, "Sampling Generative Networks",
arXiv:1609.04468). In the latent space of a flow prior neither would do: its mass lies where the flow has bent it, which
only the base space makes round.
"""

import numpy as np
import torch
from torch import Tensor

from flowshot.densities.distributions import Prior
from flowshot.models.base.autoencoder import Autoencoder

# Below this sine of their angle two vectors lie on one line, and every great circle holds both or one cannot be told.
PARALLEL = 1e-4


@torch.no_grad()
def interpolate(
    model: Autoencoder, first: np.ndarray, second: np.ndarray, steps: int, generator: torch.Generator
) -> np.ndarray:
    """Clips on the way from `first: [samples]` to `second: [samples]`, float32 `[steps, samples]` in [-1, 1].

    The ends of the walk are draws of both clips' posteriors, so the first and the last clip are their reconstructions.
    Draws, not means: a mean lacks the posterior's own spread, so it lies inside of the sphere that the decoder knows.

    Args:
        model: a trained autoencoder, on the CPU.
        first: a clip of the model's length.
        second: another one.
        steps: how many clips, both ends among them, at least 2.
        generator: of the posteriors' draws, and of the decoder's noise.

    Raises:
        ValueError: fewer than 2 steps, or a clip of another length than the model's.
    """
    for clip in (first, second):
        if clip.shape != (model.clip_samples,):
            raise ValueError(f"a clip of this model is [{model.clip_samples}], found {list(clip.shape)}")
    ends = model.encode(torch.from_numpy(np.stack([first, second]).astype(np.float32)), generator).squeeze(1)
    latents = interpolate_latents(model.prior, ends[0], ends[1], steps)
    return model.decode(latents, generator).numpy()


@torch.no_grad()
def interpolate_latents(prior: Prior, first: Tensor, second: Tensor, steps: int) -> Tensor:
    """Latents `[steps, latent_size]` from `first: [latent_size]` to `second`, along the great circle of the prior.

    Raises:
        ValueError: fewer than 2 steps.
    """
    if steps < 2:
        raise ValueError(f"an interpolation has at least its 2 ends, found {steps} steps")
    ends = torch.stack([first, second])
    if prior.flow is None:
        latents = great_circle(ends[0], ends[1], steps)
    else:
        base, _ = prior.flow.to_base(ends)
        latents, _ = prior.flow.to_latent(great_circle(base[0], base[1], steps))
    # Circle and flow return to the ends but for rounding (the flow's inverse: about 1e-6); they are known exactly.
    return torch.cat([ends[:1], latents[1:-1], ends[1:]])


def great_circle(first: Tensor, second: Tensor, steps: int) -> Tensor:
    """`steps` vectors from `first: [d]` to `second: [d]` at equal angles, `[steps, d]`.

    Their directions follow the great circle; their lengths go evenly from the one to the other, because two latents
    need not be equally long. Vectors on one line (of which one may be zero) are joined by that line.
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
