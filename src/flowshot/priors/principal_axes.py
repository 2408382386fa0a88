"""Rotate latent frames to their principal axes, scale them to unit variance, and say how many axes matter."""

import torch
from torch import Tensor, nn

from flowshot.densities.whitening import moments


class PrincipalAxes(nn.Module):
    """An affine map set by `fit`; its first axis has the largest variance.

    Unlike `Whitening` it orders the dimensions, as an autoregressive prior needs.
    """

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
