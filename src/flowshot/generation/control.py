"""Ways to draw latents under a user's control: at another temperature, with given attributes, or near a sound."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from flowshot.densities.distributions import posterior_transform
from flowshot.generation.sampling import LatentSampler, SteeredSampler
from flowshot.models.base.autoencoder import Autoencoder


class _Scaled(TorchFunctionMode):
    """Within it standard normal draws are scaled, and draws from a list are by `probabilities ** (1 / temperature)`."""

    def __init__(self, temperature: float) -> None:
        super().__init__()
        self.temperature = temperature

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Called by torch instead of each of its functions."""
        if function is torch.multinomial:
            likeliest = args[0].amax(-1, keepdim=True)
            cold = self.temperature == 0
            weights = (args[0] == likeliest).float() if cold else (args[0] / likeliest) ** (1 / self.temperature)
            args = (weights, *args[1:])
        drawn = function(*args, **(kwargs or {}))
        return drawn * self.temperature if function is torch.randn else drawn


class Tempered:
    """A prior whose base noise is scaled by `temperature`: 1 changes nothing, 0 is its mode where it has one.

    The noise is what a flow or an equation turns into latents, that of the components of a mixture, whose weights are
    sharpened too, or the choice of an autoregressive prior.
    """

    def __init__(self, prior: LatentSampler, temperature: float) -> None:
        self.prior, self.temperature = prior, temperature

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """`count` draws, `[count, latent_size]`."""
        if self.temperature == 1:
            return self.prior.sample(count, generator)
        with _Scaled(self.temperature):
            return self.prior.sample(count, generator)


class Asked:
    """A prior whose draws have the attributes `wanted`; similar training clips give the other attributes."""

    def __init__(self, prior: SteeredSampler, wanted: Mapping[str, float]) -> None:
        self.prior, self.wanted = prior, wanted

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """`count` draws, `[count, latent_size]`."""
        return self.prior.sample_asked(self.prior.draw_attributes(count, generator, self.wanted), generator)


class Near:
    """The posterior of one clip `[samples]`, `temperature` times as wide; with 0 every draw is its mean."""

    def __init__(self, model: Autoencoder, clip: Tensor, temperature: float) -> None:
        self.model, self.clip, self.temperature = model, clip, temperature

    @torch.no_grad()
    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """`count` draws, `[count, latent_size]`."""
        posterior = self.model.posterior(self.clip.unsqueeze(0).expand(count, -1))
        noise = torch.randn(posterior.mean.shape, generator=generator)
        base = posterior.mean + self.temperature * posterior.log_scale.exp() * noise
        return posterior_transform(posterior, self.model.posterior_flow, base)[0]
