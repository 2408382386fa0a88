"""A RAVE that was trained elsewhere and exported as TorchScript, behind the interface of every autoencoder.

The file is all that is needed: the package acids-rave is not.
"""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from flowshot.core.errors import FlowshotError
from flowshot.densities.distributions import Posterior, Prior
from flowshot.models.autoencoders.exported_rave.config import ExportedRaveConfig
from flowshot.models.autoencoders.exported_rave.file import (
    RATE_NAMES,
    check_channels,
    check_exported,
    check_rate,
)
from flowshot.models.autoencoders.rave.network import SMALLEST_SCALE, global_draws
from flowshot.models.base.autoencoder import Autoencoder

# Buffers in which an export for streaming keeps the end of what it heard last.
CACHES = ("pad", "cache")
PROBED_FRAMES = 4
# Between what `encode` draws and what is drawn here of the same noise, as part of the largest number.
LARGEST_DIFFERENCE = 1e-3
NO_RAVE = "`path` must name a file that `rave export` wrote"


class ExportedRave(Autoencoder):
    """A VAE whose encoder and decoder are the methods `encode` and `decode` of an exported RAVE, as they are.

    Its latent is what the file gives: RAVE's frames, turned to their principal components and cropped, flattened. A
    clip is padded with zeros to whole frames. Their prior is N(0, I), which is also what RAVE fills in for the
    components that were cropped, when it decodes.

    RAVE's `encode` draws from its posterior. This posterior has the mean and the standard deviation of that draw,
    dimension by dimension; that turned dimensions are also correlated within a frame is left out. An export whose
    `encode` draws nothing has a posterior of the fixed width `SMALLEST_SCALE`.

    Args:
        config: whether the file is trusted, and by how much it is late.
        path: the file, or a copy of it.
        clip_samples: length of every clip.
        sample_rate: in Hz.

    Raises:
        FlowshotError: the file is missing, is not trusted, is no exported RAVE, or is for other clips.
    """

    def __init__(self, config: ExportedRaveConfig, path: Path, clip_samples: int, sample_rate: int) -> None:
        super().__init__(clip_samples, sample_rate)
        check_exported(config, path, sample_rate)
        self.path, self.delay = path, config.delay
        self.rave = load_torchscript(self.path)
        self.dimensions, self.ratio = check_interface(self.path, self.rave, sample_rate)
        self.frames = -(-(clip_samples + self.delay) // self.ratio)
        size = self.dimensions * self.frames
        if size < 2:
            raise FlowshotError(f"{self.path}: gives one number for a clip; a prior needs at least two")
        self.posterior_flow = None
        self.prior = Prior(size)
        self.draws = self._probe()

    @property
    def latent_shape(self) -> tuple[int, int]:
        """Dimensions and frames of a latent."""
        return self.dimensions, self.frames

    @property
    def caches(self) -> list[Tensor]:
        """Of an export for streaming; it takes as many clips at once as they have rows."""
        return [value for name, value in self.rave.named_buffers() if name.rpartition(".")[2] in CACHES]

    def pad(self, clips: Tensor) -> Tensor:
        """`clips: [batch, samples]` as whole frames, `[batch, 1, padded]`."""
        return functional.pad(clips, (0, self.frames * self.ratio - clips.shape[-1]))[:, None]

    def posterior(self, clips: Tensor) -> Posterior:
        """q(z|x) of `clips: [batch, samples]`."""
        padded = self.pad(clips)
        if self.draws:
            mean, scale = self._in_batches(self._moments, padded)
        else:
            (mean,) = self._in_batches(lambda batch: (self.rave.encode(batch),), padded)
            scale = torch.full_like(mean, SMALLEST_SCALE)
        return Posterior(mean.float().flatten(1), scale.float().log().flatten(1))

    def decode(self, latent: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """`latent: [batch, latent_size]` -> clips `[batch, samples]` in [-1, 1].

        RAVE draws the cropped components and its noise from torch's global generator, which is seeded from `generator`
        and left as it was.
        """
        with global_draws(generator):
            (decoded,) = self._in_batches(
                lambda frames: (self.rave.decode(frames),), latent.unflatten(1, self.latent_shape)
            )
        return decoded[:, 0, self.delay : self.delay + self.clip_samples].clamp(-1, 1)

    def _in_batches(self, method: Callable[[Tensor], tuple[Tensor, ...]], batch: Tensor) -> list[Tensor]:
        """What `method` gives for `batch`, with empty caches: a clip has nothing to do with the one before."""
        caches = self.caches
        rows = min((len(cache) for cache in caches), default=len(batch))
        parts = []
        # The diagnosis asks what the output does when a latent moves; nobody else needs a graph.
        wanted = torch.is_grad_enabled() and batch.requires_grad
        # The profiling executor compiles anew, for minutes in all, whenever a size is new.
        with torch.set_grad_enabled(wanted), torch.jit.optimized_execution(False):
            for part in batch.split(max(1, rows)):
                for cache in caches:
                    cache.detach_().zero_()
                parts.append(method(part))
        return [torch.cat(each) for each in zip(*parts, strict=True)]

    def _moments(self, padded: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of what `encode` draws, `[batch, dimensions, frames]` each."""
        mean, scale = self._frames(padded)
        axes = self.rave.latent_pca[: self.dimensions]
        return axes @ (mean - self.rave.latent_mean[:, None]), (axes.square() @ scale.square()).sqrt()

    def _frames(self, padded: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of RAVE's own frames, before they are turned, `[batch, full size, frames]`."""
        if self.rave.resampler is not None:
            padded = self.rave.resampler.to_model_sampling_rate(padded)
        if self.rave.input_mode == "pqmf":
            padded = self.rave.pqmf(padded)
        mean, scale = self.rave.encoder(padded).chunk(2, dim=1)
        return mean, functional.softplus(scale) + SMALLEST_SCALE

    def _probe(self) -> bool:
        """Whether `encode` draws; raises FlowshotError unless the file does what this class takes it to do."""
        noise = torch.randn(2, PROBED_FRAMES * self.ratio, generator=torch.Generator().manual_seed(0))
        signal = 0.1 * noise[:, None]
        latents = self._seeded("encode", self.rave.encode, signal, 0)
        self._check_shape("encode", latents, (2, self.dimensions, PROBED_FRAMES))
        decoded = self._seeded("decode", self.rave.decode, latents, 0)
        self._check_shape("decode", decoded, tuple(signal.shape))
        if torch.equal(latents, self._seeded("encode", self.rave.encode, signal, 1)):
            return False
        try:
            expected = self._seeded("encode", self._drawn, signal, 0)
        except AttributeError as error:
            raise FlowshotError(f"{self.path}: its `encode` draws, but of what is not known here ({error})") from None
        if not (expected - latents).abs().max() <= LARGEST_DIFFERENCE * latents.abs().max():
            raise FlowshotError(f"{self.path}: its `encode` draws otherwise than RAVE's variational encoder; {NO_RAVE}")
        return True

    def _drawn(self, padded: Tensor) -> Tensor:
        """A draw of RAVE's posterior in the way of `encode`, of which `_moments` are the moments."""
        mean, scale = self._frames(padded)
        drawn = torch.randn_like(mean) * scale + mean - self.rave.latent_mean[:, None]
        return self.rave.latent_pca[: self.dimensions] @ drawn

    def _seeded(self, name: str, method: Callable[[Tensor], Tensor], batch: Tensor, seed: int) -> Tensor:
        try:
            with global_draws(torch.Generator().manual_seed(seed)):
                return self._in_batches(lambda part: (method(part),), batch)[0]
        except (torch.jit.Error, RuntimeError, TypeError) as error:
            raise FlowshotError(f"{self.path}: its `{name}` fails ({last_line(error)}); {NO_RAVE}") from None

    def _check_shape(self, name: str, found: Tensor, expected: tuple[int, ...]) -> None:
        if tuple(found.shape) != expected:
            raise FlowshotError(
                f"{self.path}: its `{name}` gives the shape {list(found.shape)} where {list(expected)} is expected; "
                f"{NO_RAVE}"
            )


def load_torchscript(path: Path) -> Any:
    """The module in `path`, on the CPU and not to be trained. Raises FlowshotError where torch cannot load it."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*torch.jit.*", category=DeprecationWarning)
            module = torch.jit.load(str(path), map_location="cpu")
    except (RuntimeError, ValueError) as error:
        raise FlowshotError(f"{path}: cannot be loaded as TorchScript ({last_line(error)}); {NO_RAVE}") from None
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    return module.eval()


def check_interface(path: Path, module: Any, sample_rate: int) -> tuple[int, int]:
    """Dimensions of a frame of `module`, and the samples of one.

    Raises:
        FlowshotError: it is no RAVE, or one for another rate or number of channels.
    """
    for name in ("encode", "decode", "encode_params", "decode_params"):
        if not hasattr(module, name):
            raise FlowshotError(f"{path}: is TorchScript, but no RAVE: it has no `{name}`; {NO_RAVE}")
    rates = [int(getattr(module, name)) for name in RATE_NAMES if hasattr(module, name)]
    if not rates:
        raise FlowshotError(f"{path}: does not say its sample rate (`{RATE_NAMES[0]}`); {NO_RAVE}")
    check_rate(path, rates[0], sample_rate)
    # Of each method: channels of the input and samples for each step of it, and the same of the output.
    channels, _, dimensions, ratio = (int(value) for value in module.encode_params)
    for count in (channels, int(module.decode_params[2])):
        check_channels(path, count)
    return dimensions, ratio


def last_line(error: Exception) -> str:
    """What went wrong; TorchScript puts its own code before that."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip() if lines else type(error).__name__
