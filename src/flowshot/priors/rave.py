"""RAVE's prior: an autoregressive model of the quantised principal components of latents."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from flowshot.core.sections import require
from flowshot.densities.whitening import moments
from flowshot.optimisation.checkpoint import NO_CHECKPOINT, Checkpoint
from flowshot.priors.base import LatentPrior
from flowshot.priors.fitting import FitConfig, fit_network
from flowshot.priors.rave_network import RaveNetwork, from_bins, log_density_in_bin, to_bins

BATCH_SIZE = 256  # latents per batch, for densities and draws


class PrincipalAxes(nn.Module):
    """Rotate frames to their principal axes, and scale them to unit variance; the first axis has the largest."""

    mean: Tensor
    axes: Tensor
    scale: Tensor
    kept: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("axes", torch.eye(size))
        self.register_buffer("scale", torch.ones(size))
        self.register_buffer("kept", torch.tensor(size))

    def fit(self, frames: Tensor, fidelity: float) -> None:
        """Take axes from `frames: [n, size]`; `kept` is how many hold the share `fidelity` of the variance.

        Raises what `moments` raises.
        """
        mean, covariance = moments(frames)
        variances, axes = torch.linalg.eigh(covariance)
        variances, axes = variances.flip(0).clamp_min(1e-12 * float(variances.max())), axes.flip(1)
        explained = variances.cumsum(0) / variances.sum()
        self.mean, self.axes, self.scale = mean.float(), axes.float(), variances.sqrt().float()
        self.kept = (explained < fidelity).sum().add(1).clamp(max=frames.shape[1])

    def forward(self, frames: Tensor) -> Tensor:
        """`frames: [n, size]` along the axes, in standard deviations."""
        return (frames - self.mean) @ self.axes / self.scale

    def inverse(self, standardised: Tensor) -> Tensor:
        """Undo `forward`."""
        return (standardised * self.scale) @ self.axes.T + self.mean

    @property
    def log_det(self) -> Tensor:
        """log |d standardised / d frame|, a scalar: to be added to the density of each frame."""
        return -self.scale.log().sum()


@dataclass(frozen=True)
class RavePriorConfig(FitConfig):
    """RAVE's prior: the part of the variance that it predicts, its bins, its network, and the length of its fit."""

    fidelity: float
    bins: int
    layers: int
    kernel_size: int
    cycle: int
    width: int
    skip: int

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.fidelity <= 1, "fidelity must be at most 1")
        require(self.bins >= 2, "bins must be at least 2")


class RavePrior(LatentPrior):
    """The prior of Caillon & Esling 2021 (2111.05011), with an exact density, on a latent vector or sequence.

    Each frame is rotated to its principal axes and standardised. The first axes, which hold `config.fidelity` of the
    variance, are quantised to bins that are equally probable under N(0, 1), and the network predicts them one by
    one (`rave_network`). The other axes are N(0, 1), as in RAVE. Within its bin a number is drawn from N(0, 1), so the
    density of a latent is

        log p = sum over predicted numbers of [log P(bin) + log(bins)] + sum over all of log N(z; 0, 1) + log |det|,

    with the determinant of rotation and scaling once for each frame. docs/rave.md says where RAVE's own prior differs.

    A latent is `dimensions * frames` numbers, frames last; one vector is one frame.
    """

    def __init__(self, config: RavePriorConfig, dimensions: int, frames: int = 1) -> None:
        super().__init__()
        self.config, self.dimensions, self.frames = config, dimensions, frames
        self.axes = PrincipalAxes(dimensions)
        # For all dimensions: how many are kept is only known after the axes are fitted.
        self.network = RaveNetwork(
            dimensions, config.bins, config.width, config.skip, config.layers, config.kernel_size, config.cycle
        )

    def fit(
        self, latents: Tensor, validation: Tensor, generator: torch.Generator, checkpoint: Checkpoint = NO_CHECKPOINT
    ) -> None:
        self.axes.fit(self._frames(latents), self.config.fidelity)
        bins, held_out = self._bins(self._standardise(latents)), self._bins(self._standardise(validation))
        fit_network(
            self.network,
            len(bins),
            lambda rows: -self._log_probabilities(bins[rows]).mean(),
            lambda: -float(self._of_all(held_out).mean()),
            self.config,
            generator,
            checkpoint,
        )

    @torch.no_grad()
    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        return torch.cat([self._sample(len(rows), generator) for rows in torch.arange(count).split(BATCH_SIZE)])

    @torch.no_grad()
    def log_prob(self, latents: Tensor) -> Tensor:
        standardised, kept = self._standardise(latents), int(self.axes.kept)
        probabilities = self._of_all(self._bins(standardised))
        predicted = probabilities + log_density_in_bin(standardised[:, :kept], self.config.bins)
        left_out = log_density_in_bin(standardised[:, kept:], 1)
        return predicted.sum((1, 2)) + left_out.sum((1, 2)) + self.frames * self.axes.log_det

    def _sample(self, count: int, generator: torch.Generator) -> Tensor:
        kept = int(self.axes.kept)
        bins = self.network.sample(count, kept, self.frames, generator)
        left_out = torch.randn(count, self.dimensions - kept, self.frames, generator=generator)
        standardised = torch.cat([from_bins(bins, self.config.bins, generator), left_out], dim=1)
        frames = self.axes.inverse(standardised.transpose(1, 2).flatten(0, 1))
        return frames.unflatten(0, (count, self.frames)).transpose(1, 2).flatten(1)

    def _frames(self, latents: Tensor) -> Tensor:
        """`[n, dimensions * frames]` -> `[n * frames, dimensions]`."""
        return latents.unflatten(1, (self.dimensions, self.frames)).transpose(1, 2).flatten(0, 1)

    def _standardise(self, latents: Tensor) -> Tensor:
        """`[n, dimensions * frames]` -> `[n, dimensions, frames]` along the principal axes."""
        return self.axes(self._frames(latents)).unflatten(0, (len(latents), self.frames)).transpose(1, 2)

    def _bins(self, standardised: Tensor) -> Tensor:
        """`[n, dimensions, frames]` -> bins `[n, kept, frames]`."""
        return to_bins(standardised[:, : int(self.axes.kept)], self.config.bins)

    def _log_probabilities(self, bins: Tensor) -> Tensor:
        """log P of each of `bins: [n, kept, frames]`, given those before it, in the same shape."""
        logits = self.network(bins)
        return -functional.cross_entropy(logits.flatten(0, 2), bins.flatten(), reduction="none").view_as(bins)

    @torch.no_grad()
    def _of_all(self, bins: Tensor) -> Tensor:
        return torch.cat([self._log_probabilities(batch) for batch in bins.split(BATCH_SIZE)])
