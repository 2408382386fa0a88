"""A mixture of Gaussians over whitened latents, fitted by expectation maximisation."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from flowshot.densities.buffers import resize_buffers
from flowshot.densities.distributions import LOG_TWO_PI
from flowshot.densities.whitening import Whitening

# Weight of the pooled covariance, in pseudo-observations per latent dimension: it keeps the covariances of few clips
# from becoming singular (Fraley & Raftery 2007, J. Classification 24).
SHRINKAGE_PER_DIMENSION = 0.5
JITTER = 1e-6


class GaussianMixture(nn.Module):
    """Gaussians with full covariances, in whitened coordinates; before `fit` it is N(0, I).

    `weights: [components]`, `means: [components, size]`, and `factors: [components, size, size]`, the lower Cholesky
    factors of the covariances.
    """

    weights: Tensor
    means: Tensor
    factors: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.whitening = Whitening(size)
        self.register_buffer("weights", torch.ones(1, dtype=torch.double))
        self.register_buffer("means", torch.zeros(1, size, dtype=torch.double))
        self.register_buffer("factors", torch.eye(size, dtype=torch.double)[None])

    def fit(
        self, latents: Tensor, validation: Tensor, components: int, iterations: int, tolerance: float,
        generator: torch.Generator,
    ) -> None:  # fmt: skip
        """Fit to `latents: [n, size]`; `validation: [m, size]` chooses the number of components.

        Candidates are the Gaussian of the whitening, whose covariance is shrunk, and mixtures of 1, 2, 4 ... up to
        `components` Gaussians. Each is fitted for at most `iterations`, and until one improves by less than `tolerance`
        nats a latent. `generator` draws the latents that components start from.

        Raises:
            FlowshotError: what `moments` raises.
            torch.linalg.LinAlgError: a covariance cannot be inverted.
        """
        self.whitening.fit(latents)
        data = self.whitening(latents).double()
        self._set(torch.ones(1), torch.zeros(1, self.size), torch.eye(self.size)[None])
        best, best_score = (self.weights, self.means, self.factors), float(self.log_prob(validation).mean())
        powers = [2**power for power in range(components.bit_length()) if 2**power < components]
        for count in (number for number in [*powers, components] if number <= len(latents)):
            self._expectation_maximisation(data, count, iterations, tolerance, generator)
            score = float(self.log_prob(validation).mean())
            if score > best_score:
                best, best_score = (self.weights, self.means, self.factors), score
        self.weights, self.means, self.factors = best

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """`count` draws, `[count, size]`."""
        chosen = torch.multinomial(self.weights, count, replacement=True, generator=generator)
        noise = torch.randn(count, self.size, 1, generator=generator, dtype=self.means.dtype)
        whitened = self.means[chosen] + (self.factors[chosen] @ noise).squeeze(-1)
        return self.whitening.inverse(whitened.float())

    def log_prob(self, latents: Tensor) -> Tensor:
        """Log density of `latents: [n, size]` in nats, `[n]`."""
        joint = self._joint_log_prob(self.whitening(latents).double())
        return joint.logsumexp(-1).float() + self.whitening.log_det

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *others: Any) -> None:
        # How many components there are is only known from the state.
        resize_buffers(self, state_dict, prefix, ("weights", "means", "factors"))
        super()._load_from_state_dict(state_dict, prefix, *others)

    def _expectation_maximisation(
        self, data: Tensor, components: int, iterations: int, tolerance: float, generator: torch.Generator
    ) -> None:
        pooled = torch.cov(data.T).reshape(self.size, self.size) + JITTER * torch.eye(self.size, dtype=data.dtype)
        start = data[torch.randperm(len(data), generator=generator)[:components]]
        self._set(torch.full((components,), 1 / components), start, pooled.expand(components, -1, -1))
        previous = -math.inf
        for _ in range(iterations):
            joint = self._joint_log_prob(data)
            score = float(joint.logsumexp(-1).mean())
            if score - previous < tolerance:
                break
            previous = score
            self._maximise(data, joint.softmax(-1), pooled)

    def _maximise(self, data: Tensor, responsibilities: Tensor, pooled: Tensor) -> None:
        counts = responsibilities.sum(0) + 1e-9
        means = (responsibilities.T @ data) / counts[:, None]
        strength = SHRINKAGE_PER_DIMENSION * self.size if len(counts) > 1 else 0.0
        covariances = []
        # One component at a time: all differences from all means at once would take much memory.
        for component, count in enumerate(counts):
            centred = data - means[component]
            scatter = (responsibilities[:, component, None] * centred).T @ centred
            covariances.append((scatter + strength * pooled) / (count + strength))
        jitter = JITTER * torch.eye(self.size, dtype=data.dtype)
        self._set(counts / counts.sum(), means, torch.stack(covariances) + jitter)

    def _joint_log_prob(self, data: Tensor) -> Tensor:
        """log weight_k + log N(x; mean_k, covariance_k) of whitened `data: [n, size]`, `[n, components]`."""
        columns = []
        for weight, mean, factor in zip(self.weights, self.means, self.factors, strict=True):
            scaled = torch.linalg.solve_triangular(factor, (data - mean).T, upper=False)
            log_det = factor.diagonal().log().sum()
            columns.append(weight.log() - 0.5 * self.size * LOG_TWO_PI - log_det - 0.5 * scaled.square().sum(0))
        return torch.stack(columns, dim=-1)

    def _set(self, weights: Tensor, means: Tensor, covariances: Tensor) -> None:
        self.weights, self.means = weights.double(), means.double()
        self.factors = torch.linalg.cholesky(covariances.double())
