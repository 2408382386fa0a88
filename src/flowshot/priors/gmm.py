"""A mixture of Gaussians fitted to frozen latents by expectation maximisation."""

import math
from pathlib import Path

import torch
from torch import Tensor

from flowshot.densities.whitening import Whitening
from flowshot.priors.config import GaussianMixturePriorConfig
from flowshot.priors.storage import load_tensors, save_tensors
from flowshot.training.checkpoint import NO_CHECKPOINT, Checkpoint

# Observations that the pooled covariance counts for, per latent dimension: with fewer clips than parameters,
# covariances are pulled towards it instead of becoming singular (Fraley & Raftery 2007, J. Classification 24).
SHRINKAGE_PER_DIMENSION = 0.5


class GaussianMixturePrior:
    """The simple baseline that is hard to beat on the latents of an autoencoder (Ghosh et al. 2020, 1903.12436).

    Mixtures of 1, 2, 4 ... up to `config.components` Gaussians with full covariances are fitted; the one with the
    highest likelihood of the validation latents is kept. The Gaussian of the whitening is a candidate too: its
    covariance is shrunk, where that of fewer clips than dimensions is flat in some directions.

    Example:
        >>> prior = GaussianMixturePrior(GaussianMixturePriorConfig(components=2), size=3)
        >>> generator = torch.Generator().manual_seed(0)
        >>> prior.fit(torch.randn(100, 3), torch.randn(20, 3), generator)
        >>> prior.log_prob(torch.zeros(5, 3)).shape
        torch.Size([5])
    """

    def __init__(self, config: GaussianMixturePriorConfig, size: int) -> None:
        self.config, self.size = config, size
        self.whitening = Whitening(size)
        # [components], [components, size], and lower Cholesky factors of covariances [components, size, size].
        self.weights: Tensor = torch.ones(1, dtype=torch.double)
        self.means: Tensor = torch.zeros(1, size, dtype=torch.double)
        self.factors: Tensor = torch.eye(size, dtype=torch.double)[None]

    def fit(
        self, latents: Tensor, validation: Tensor, generator: torch.Generator, checkpoint: Checkpoint = NO_CHECKPOINT
    ) -> None:
        """Fit to `latents: [n, size]`; `validation: [m, size]` chooses the number of components."""
        self.whitening.fit(latents)
        data = self.whitening(latents).double()
        self._set(torch.ones(1), torch.zeros(1, self.size), torch.eye(self.size)[None])
        best, best_score = (self.weights, self.means, self.factors), float(self.log_prob(validation).mean())
        for components in _candidates(self.config.components, len(latents)):
            self._expectation_maximisation(data, components, generator)
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

    def save(self, folder: Path) -> None:
        """Write weights, means and Cholesky factors into `folder`."""
        mixture = {"weights": self.weights, "means": self.means, "factors": self.factors}
        save_tensors(folder, mixture | dict(self.whitening.state_dict()))

    def load(self, folder: Path) -> None:
        """Read what `save` wrote."""
        load_tensors(folder, self._become)

    def _become(self, tensors: dict[str, Tensor]) -> None:
        self.weights, self.means, self.factors = (tensors.pop(name) for name in ("weights", "means", "factors"))
        self.whitening.load_state_dict(tensors)

    def _expectation_maximisation(self, data: Tensor, components: int, generator: torch.Generator) -> None:
        pooled = torch.cov(data.T).reshape(self.size, self.size) + 1e-6 * torch.eye(self.size, dtype=data.dtype)
        start = data[torch.randperm(len(data), generator=generator)[:components]]
        self._set(torch.full((components,), 1 / components), start, pooled.expand(components, -1, -1))
        previous = -math.inf
        for _ in range(self.config.iterations):
            joint = self._joint_log_prob(data)
            score = float(joint.logsumexp(-1).mean())
            if score - previous < self.config.tolerance:
                break
            previous = score
            self._maximise(data, joint.softmax(-1), pooled)

    def _maximise(self, data: Tensor, responsibilities: Tensor, pooled: Tensor) -> None:
        counts = responsibilities.sum(0) + 1e-9
        means = (responsibilities.T @ data) / counts[:, None]
        # E[(x - m)(x - m)^T] as the second moment minus m m^T, one component at a time: [size, size] at once.
        strength = SHRINKAGE_PER_DIMENSION * self.size if len(counts) > 1 else 0.0
        covariances = []
        for component, count in enumerate(counts):
            centred = data - means[component]
            scatter = (responsibilities[:, component, None] * centred).T @ centred
            covariances.append((scatter + strength * pooled) / (count + strength))
        jitter = 1e-6 * torch.eye(self.size, dtype=data.dtype)
        self._set(counts / counts.sum(), means, torch.stack(covariances) + jitter)

    def _joint_log_prob(self, data: Tensor) -> Tensor:
        """log weight_k + log N(x; mean_k, covariance_k) of whitened `data: [n, size]`, `[n, components]`."""
        columns = []
        for weight, mean, factor in zip(self.weights, self.means, self.factors, strict=True):
            scaled = torch.linalg.solve_triangular(factor, (data - mean).T, upper=False)
            log_det = factor.diagonal().log().sum()
            constant = 0.5 * self.size * math.log(2 * math.pi)
            columns.append(weight.log() - constant - log_det - 0.5 * scaled.square().sum(0))
        return torch.stack(columns, dim=-1)

    def _set(self, weights: Tensor, means: Tensor, covariances: Tensor) -> None:
        self.weights, self.means = weights.double(), means.double()
        self.factors = torch.linalg.cholesky(covariances.double())


def _candidates(components: int, count: int) -> list[int]:
    """1, 2, 4 ... and `components` itself, none above the number of latents."""
    powers = [2**power for power in range(components.bit_length()) if 2**power < components]
    return [number for number in [*powers, components] if number <= count]
