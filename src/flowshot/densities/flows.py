"""Normalizing flows between a base space and the latent space, built from nflows.

A posterior flow is trained by `to_latent` (sample, then transform), a prior flow by `to_base` (the density of a given
latent). For the autoregressive kinds one direction is parallel and the other one sequential:

| kind | to_latent | to_base | reference |
|---|---|---|---|
| `nsf` | parallel | parallel | Durkan et al. 2019, arXiv:1906.04032 |
| `realnvp` | parallel | parallel | Dinh et al. 2017, arXiv:1605.08803 |
| `iaf` | parallel | sequential | Kingma et al. 2016, arXiv:1606.04934 |
| `maf` | sequential | parallel | Papamakarios et al. 2017, arXiv:1705.07057 |

Every flow starts as the identity.
"""

import math
import warnings
from typing import Literal

import torch
from nflows.nn.nets import ResidualNet
from nflows.transforms import (
    AffineCouplingTransform,
    CompositeTransform,
    LULinear,
    MaskedAffineAutoregressiveTransform,
    PiecewiseRationalQuadraticCouplingTransform,
    ReversePermutation,
    Transform,
)
from torch import Tensor, nn
from torch.nn import functional

Kind = Literal["nsf", "realnvp", "maf", "iaf"]

SPLINE_BINS = 8
# Outside of [-bound, bound] a spline is the identity; latents are near unit variance.
SPLINE_BOUND = 5.0
# nflows adds this to every softplus that becomes a scale or a derivative.
SCALE_FLOOR = 1e-3
# softplus(x) + SCALE_FLOOR = 1: the conditioner's output at which a scale or a slope is 1.
IDENTITY_BIAS = math.log(math.expm1(1 - SCALE_FLOOR))


class Flow(nn.Module):
    """An invertible map between base and latent vectors of `size` (at least 2), optionally conditioned on a context.

    `layers` transforms follow one another; `width` is the number of hidden units of each conditioner.
    """

    def __init__(self, kind: Kind, size: int, layers: int, width: int, context_size: int | None = None) -> None:
        super().__init__()
        self.kind = kind
        self.transform = _composite(kind, size, layers, width, context_size)
        # nflows' `forward` is the parallel direction of an autoregressive transform.
        self.forward_is_to_latent = kind == "iaf"

    def to_latent(self, base: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Map `base: [batch, size]` to latents; returns them and log |d latent / d base|, `[batch]`."""
        return self._map(base, context, self.forward_is_to_latent)

    def to_base(self, latent: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Map `latent: [batch, size]` to base vectors; returns them and log |d base / d latent|, `[batch]`."""
        return self._map(latent, context, not self.forward_is_to_latent)

    def _map(self, vectors: Tensor, context: Tensor | None, forward: bool) -> tuple[Tensor, Tensor]:
        # Reduced precision breaks inverses and log-determinants, so a flow always computes in float32 or above.
        with torch.autocast(vectors.device.type, enabled=False), warnings.catch_warnings():
            # nflows' LULinear calls a deprecated solver, which still works.
            warnings.filterwarnings("ignore", message=".*triangular_solve", category=UserWarning)
            vectors = vectors if vectors.dtype == torch.float64 else vectors.float()
            context = None if context is None else context.to(vectors.dtype)
            transform = self.transform if forward else self.transform.inverse
            return transform(vectors, context)


class SoftplusAffineCoupling(AffineCouplingTransform):
    """RealNVP's coupling with scales that can grow: those of nflows stop at 1.001."""

    def _scale_and_shift(self, transform_params: Tensor) -> tuple[Tensor, Tensor]:
        unconstrained, shift = transform_params.chunk(2, dim=1)
        return functional.softplus(unconstrained) + SCALE_FLOOR, shift


def _composite(kind: Kind, size: int, layers: int, width: int, context_size: int | None) -> Transform:
    transforms: list[Transform] = []
    for layer in range(layers):
        if kind in ("maf", "iaf"):
            transforms += [_autoregressive(size, width, context_size), ReversePermutation(size)]
        else:
            # A linear layer mixes all dimensions; the coupling's mask alternates.
            mask = (torch.arange(size) + layer) % 2
            transforms += [LULinear(size, identity_init=True), _coupling(kind, mask, width, context_size)]
    if kind in ("maf", "iaf") and layers % 2:
        # An even number of reversals, so that an untrained flow is the identity.
        transforms.append(ReversePermutation(size))
    return CompositeTransform(transforms)


def _autoregressive(size: int, width: int, context_size: int | None) -> Transform:
    transform = MaskedAffineAutoregressiveTransform(
        # MADE needs at least as many hidden units as dimensions for every mask to be used.
        size, max(width, size), context_features=context_size, num_blocks=2, activation=functional.silu
    )  # fmt: skip
    # nflows reads the output as [size, (scale, shift)].
    _start_with(transform.autoregressive_net.final_layer, torch.tensor([IDENTITY_BIAS, 0.0]).repeat(size))
    return transform


def _coupling(kind: Kind, mask: Tensor, width: int, context_size: int | None) -> Transform:
    transformed = int(mask.sum())
    if kind == "realnvp":
        # All scales, then all shifts.
        start = torch.tensor([IDENTITY_BIAS, 0.0]).repeat_interleave(transformed)
    else:
        # For each transformed dimension: equal widths, equal heights, slopes of 1 at the inner knots.
        slopes = torch.full((SPLINE_BINS - 1,), IDENTITY_BIAS)
        start = torch.cat([torch.zeros(2 * SPLINE_BINS), slopes]).repeat(transformed)

    def conditioner(inputs: int, outputs: int) -> nn.Module:
        net = ResidualNet(
            inputs, outputs, width, context_features=context_size, num_blocks=1, activation=functional.silu
        )
        _start_with(net.final_layer, start)
        return net

    if kind == "realnvp":
        return SoftplusAffineCoupling(mask, conditioner)
    return PiecewiseRationalQuadraticCouplingTransform(
        mask, conditioner, num_bins=SPLINE_BINS, tails="linear", tail_bound=SPLINE_BOUND
    )


def _start_with(layer: nn.Linear, output: Tensor) -> None:
    """Let `layer` give `output`, whatever its input, until it has learned."""
    nn.init.zeros_(layer.weight)
    with torch.no_grad():
        layer.bias.copy_(output)
