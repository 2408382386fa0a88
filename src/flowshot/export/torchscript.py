"""A trained arm as one TorchScript file, which runs where neither this package nor nflows is installed.

Neither the autoencoder nor the flows of nflows can be compiled, so they are traced: one run is recorded. Random draws
must not become constants of the trace; compiled code around it makes them and gives them to it as a tensor.
`largest_difference` compares the file with the model, for other numbers of clips than that of the trace.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from flowshot.core.errors import FlowshotError
from flowshot.densities.distributions import posterior_transform
from flowshot.generation.sampling import sample_clips
from flowshot.models.base.autoencoder import Autoencoder
from flowshot.priors.base import LatentPrior
from flowshot.priors.gmm import GaussianMixturePrior
from flowshot.priors.platune import PlatunePrior

TRACED_CLIPS = 2  # in the run that is recorded; with 1 an axis may be dropped
RANDOM_FUNCTIONS = frozenset(
    (torch.randn, torch.rand, torch.randint, torch.randperm, torch.multinomial, torch.bernoulli, torch.normal,
     torch.randn_like, torch.rand_like)
)  # fmt: skip


class NotTraceable(Exception):
    """The traced code draws random numbers in another way than as one standard normal tensor."""


class GivenNoise(TorchFunctionMode):
    """Within it, `torch.randn` returns `noise`, or draws and keeps the draw in `noise` where there is none.

    Raises:
        NotTraceable: there is a second draw, or one of another kind.
    """

    def __init__(self, noise: Tensor | None = None) -> None:
        super().__init__()
        self.noise = noise
        self.shape: tuple[int, ...] = ()

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Called by torch instead of each of its functions."""
        if function not in RANDOM_FUNCTIONS:
            return function(*args, **(kwargs or {}))
        if function is not torch.randn or self.shape:
            raise NotTraceable(getattr(function, "__name__", "a random function"))
        drawn = function(*args, **(kwargs or {})) if self.noise is None else self.noise
        self.noise, self.shape = drawn, tuple(int(size) for size in drawn.shape)
        return drawn


class Traced(nn.Module):
    """A function of tensors that uses the weights of `owner`, as a module."""

    def __init__(self, owner: nn.Module, function: Callable[..., Tensor]) -> None:
        super().__init__()
        self.owner, self.function = owner, function

    def forward(self, *inputs: Tensor) -> Tensor:
        """Call the function."""
        return self.function(*inputs)


def encoder_of(model: Autoencoder) -> Traced:
    """`clips: [batch, samples]` and standard normal `noise: [batch, latent_size]` -> latents; noise 0 is the mean."""

    def encode(clips: Tensor, noise: Tensor) -> Tensor:
        posterior = model.posterior(clips)
        base = posterior.mean + posterior.log_scale.exp() * noise
        return posterior_transform(posterior, model.posterior_flow, base)[0]

    return Traced(model, encode)


def decoder_of(model: Autoencoder) -> Traced:
    """`latents: [batch, latent_size]` and the decoder's noise -> clips."""

    def decode(latents: Tensor, noise: Tensor) -> Tensor:
        with GivenNoise(noise):
            return model.decode(latents)

    return Traced(model, decode)


def draws_of(arm: str, prior: LatentPrior, noise: Tensor) -> Traced:
    """Standard normal `noise: [batch, latent_size]` -> draws of a prior that makes them of it.

    Raises:
        FlowshotError: the prior draws in another way, which cannot be recorded.
    """

    def draw(noise: Tensor) -> Tensor:
        with GivenNoise(noise):
            return prior.sample(len(noise), torch.Generator())

    try:
        draw(noise)
    except NotTraceable as call:
        raise FlowshotError(
            f"{arm}: this prior cannot be exported, because its sampling calls torch.{call}; export an arm with "
            "another prior, or use `flowshot sample`"
        ) from None
    return Traced(prior, draw)


class NormalDraws(nn.Module):
    """Latents out of standard normal noise; compiled."""

    def __init__(self, size: int, transform: nn.Module) -> None:
        super().__init__()
        self.size, self.transform = size, transform

    def forward(self, count: int, generator: torch.Generator) -> Tensor:
        """`count` latents."""
        return self.transform(torch.randn([count, self.size], generator=generator))


class MixtureDraws(nn.Module):
    """Latents of a Gaussian mixture, by the draws of `GaussianMixturePrior.sample`; compiled."""

    weights: Tensor
    means: Tensor
    factors: Tensor
    centre: Tensor
    unwhiten: Tensor

    def __init__(self, prior: GaussianMixturePrior) -> None:
        super().__init__()
        self.size = prior.size
        mixture = prior.mixture
        tensors = {"weights": mixture.weights, "means": mixture.means, "factors": mixture.factors}
        tensors |= {"centre": mixture.whitening.mean, "unwhiten": mixture.whitening.factor.T.contiguous()}
        for name, value in tensors.items():
            self.register_buffer(name, value)

    def forward(self, count: int, generator: torch.Generator) -> Tensor:
        """`count` latents."""
        chosen = torch.multinomial(self.weights, count, True, generator=generator)
        noise = torch.randn([count, self.size, 1], generator=generator, dtype=torch.double)
        whitened = self.means[chosen] + (self.factors[chosen] @ noise).squeeze(-1)
        return whitened.float() @ self.unwhiten + self.centre


class SteeredDraws(nn.Module):
    """Latents with the attributes of training clips, by the draws of `PlatunePrior.sample`; compiled."""

    known: Tensor

    def __init__(self, prior: PlatunePrior) -> None:
        super().__init__()
        self.size = prior.size
        self.register_buffer("known", prior.known)
        inputs = prior.known[:1].repeat(TRACED_CLIPS, 1), torch.zeros(TRACED_CLIPS, prior.size)
        self.transform = torch.jit.trace(Traced(prior, prior.latents_of), inputs, check_trace=False)

    def forward(self, count: int, generator: torch.Generator) -> Tensor:
        """`count` latents."""
        chosen = torch.randint(self.known.size(0), [count], generator=generator)
        return self.transform(self.known[chosen], torch.randn([count, self.size], generator=generator))


class ExportedArm(nn.Module):
    """What the file holds; `docs/commands.md` says how it is used. Compiled, so in the part of Python that torch knows.

    `noise: [bands, frames]` is the shape of the decoder's noise for one clip, empty where it has none.
    """

    noise: list[int]  # of an empty list torch could not tell the type

    def __init__(
        self, arm: str, sample_rate: int, model: Autoencoder, batch_size: int, noise: list[int], parts: list[nn.Module]
    ) -> None:
        super().__init__()
        self.arm, self.sample_rate = arm, sample_rate
        self.clip_samples, self.latent_size = model.clip_samples, model.latent_size
        self.batch_size, self.noise = batch_size, noise
        self.encoder, self.decoder, self.prior = parts

    @torch.jit.export
    def encode(self, clips: Tensor) -> Tensor:
        """`clips: [batch, clip_samples]` -> `[batch, latent_size]`, the image of the posterior Gaussian's mean."""
        assert clips.dim() == 2 and clips.size(1) == self.clip_samples, "clips must be [batch, clip_samples]"
        return self.encoder(clips, torch.zeros([clips.size(0), self.latent_size]))

    @torch.jit.export
    def encode_draw(self, clips: Tensor, seed: int) -> Tensor:
        """One draw of the posterior of each of `clips: [batch, clip_samples]`, `[batch, latent_size]`."""
        assert clips.dim() == 2 and clips.size(1) == self.clip_samples, "clips must be [batch, clip_samples]"
        generator = torch.Generator()
        generator.manual_seed(seed)
        return self.encoder(clips, torch.randn([clips.size(0), self.latent_size], generator=generator))

    @torch.jit.export
    def decode(self, latents: Tensor) -> Tensor:
        """`latents: [batch, latent_size]` -> `[batch, clip_samples]`; the decoder's noise is the same at every call."""
        assert latents.dim() == 2 and latents.size(1) == self.latent_size, "latents must be [batch, latent_size]"
        generator = torch.Generator()
        generator.manual_seed(0)
        return self.decoder(latents, torch.randn([latents.size(0)] + self.noise, generator=generator))  # noqa: RUF005

    @torch.jit.export
    def sample(self, n: int, seed: int) -> Tensor:
        """`n` clips `[n, clip_samples]`: latents of the prior, decoded."""
        generator = torch.Generator()
        generator.manual_seed(seed)
        latents = self.prior(n, generator)
        clips = []
        for first in range(0, n, self.batch_size):
            batch = latents[first : first + self.batch_size]
            clips.append(self.decoder(batch, torch.randn([batch.size(0)] + self.noise, generator=generator)))  # noqa: RUF005
        return torch.cat(clips)


@torch.no_grad()
def export(
    arm: str, model: Autoencoder, prior: LatentPrior, sample_rate: int, batch_size: int
) -> torch.jit.ScriptModule:
    """The arm as TorchScript, on the CPU; `sample` decodes `batch_size` latents at a time.

    Raises:
        FlowshotError: the prior draws in a way that cannot be recorded.
    """
    model.requires_grad_(False)
    latents = torch.randn(TRACED_CLIPS, model.latent_size, generator=torch.Generator().manual_seed(0))
    with quiet_tracing():
        with GivenNoise() as decoding:
            clips = model.decode(latents)
        shape = list((decoding.shape or (TRACED_CLIPS,))[1:])
        noise = torch.zeros(TRACED_CLIPS, *shape)
        # What a trace takes for constant is compared below, where other numbers of clips show it.
        encoder = torch.jit.trace(encoder_of(model), (clips, latents), check_trace=False)
        decoder = torch.jit.trace(decoder_of(model), (latents, noise), check_trace=False)
        parts = [encoder, decoder, latent_draws(arm, prior, latents)]
        return torch.jit.script(ExportedArm(arm, sample_rate, model, batch_size, shape, parts))


def latent_draws(arm: str, prior: LatentPrior, noise: Tensor) -> nn.Module:
    """The prior as a module `(count, generator) -> latents` that can be compiled.

    Raises:
        FlowshotError: it draws in a way that cannot be recorded.
    """
    if isinstance(prior, GaussianMixturePrior):
        return MixtureDraws(prior)
    prior.requires_grad_(False)
    if isinstance(prior, PlatunePrior):
        return SteeredDraws(prior)
    traced = torch.jit.trace(draws_of(arm, prior, noise), (noise,), check_trace=False)
    return NormalDraws(noise.shape[1], traced)


@torch.no_grad()
def largest_difference(path: Path, model: Autoencoder, prior: LatentPrior, batch_size: int) -> float:
    """Between what the file's methods and the model give, of clips and of latents, for several numbers of clips."""
    loaded, pairs = read_back(path), []
    for count in (1, 5):
        drawn = torch.from_numpy(
            sample_clips(model, prior, count, batch_size, torch.Generator().manual_seed(count)).clips
        )
        latents = model.encode_mean(drawn)
        pairs += [
            (loaded.sample(count, count), drawn),
            (loaded.encode(drawn), latents),
            (loaded.encode_draw(drawn, 1), model.encode(drawn, torch.Generator().manual_seed(1)).squeeze(1)),
            (loaded.decode(latents), model.decode(latents)),
        ]
    return largest_gap(pairs)


def largest_gap(pairs: Iterable[tuple[Tensor, Tensor]]) -> float:
    """The largest difference within the pairs of tensors: infinite where shapes differ, NaN where a number is NaN."""
    gaps = [float((one - other).abs().max()) if one.shape == other.shape else float("inf") for one, other in pairs]
    return float(np.max(gaps))  # which keeps NaN, as Python's max does not


def read_back(path: Path) -> torch.jit.ScriptModule:
    """The file that was just written; a file from elsewhere would be a program of somebody else's."""
    with quiet_tracing():
        return torch.jit.load(path)


@contextmanager
def quiet_tracing() -> Iterator[None]:
    """Ignore the warnings of tracing, and the deprecation of torch.jit."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)
        warnings.filterwarnings("ignore", message=".*torch.jit.*", category=DeprecationWarning)
        yield
