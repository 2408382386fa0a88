"""Map latents to zero mean and unit covariance, and account for it in densities."""

import torch
from torch import Tensor, nn

from flowshot.core.errors import FlowshotError


def require_usable(latents: Tensor) -> None:
    """Raise FlowshotError unless `latents: [n, size]` are at least two, all finite, and no dimension is constant."""
    if len(latents) < 2 or not torch.isfinite(latents).all():
        raise FlowshotError("the prior cannot be fitted: it needs at least two latents, all finite; train again")
    constant = torch.nonzero((latents == latents[0]).all(0)).flatten().tolist()
    if constant:
        raise FlowshotError(
            f"the prior cannot be fitted: latent dimension {constant[0]} is constant; "
            "train with a lower latent_size or beta"
        )


def moments(latents: Tensor) -> tuple[Tensor, Tensor]:
    """Mean `[size]` and covariance `[size, size]` of `latents: [n, size]`, in double precision.

    The covariance is shrunk towards its diagonal with the weight of `size` observations, so that no direction has a
    variance of 0 where there are few latents. Raises what `require_usable` raises.
    """
    require_usable(latents)
    count, size = latents.shape
    mean = latents.double().mean(0)
    centred = latents.double() - mean
    covariance = centred.T @ centred / count
    return mean, (count * covariance + size * covariance.diagonal().diag()) / (count + size)


class Whitening(nn.Module):
    """An affine map with a triangular matrix, set by `fit`.

    After it, a prior only has to learn what is not Gaussian.
    """

    mean: Tensor
    factor: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("factor", torch.eye(size))

    def fit(self, latents: Tensor) -> None:
        """Take mean and covariance from `latents: [n, size]`; raises what `moments` raises."""
        mean, covariance = moments(latents)
        self.mean, self.factor = mean.float(), torch.linalg.cholesky(covariance).float()

    def forward(self, latents: Tensor) -> Tensor:
        """Whiten `latents: [n, size]`."""
        return torch.linalg.solve_triangular(self.factor, (latents - self.mean).T, upper=False).T

    def inverse(self, whitened: Tensor) -> Tensor:
        """Undo `forward`."""
        return whitened @ self.factor.T + self.mean

    @property
    def log_det(self) -> Tensor:
        """log |d whitened / d latent|, a scalar: to be added to a density of whitened latents."""
        return -self.factor.diagonal().log().sum()
