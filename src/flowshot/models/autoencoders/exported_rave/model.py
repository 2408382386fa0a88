"""The kind `exported_rave`: a RAVE that was exported as TorchScript. It needs that file, and not acids-rave."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from flowshot.core.errors import FlowshotError
from flowshot.core.sections import Section, require
from flowshot.densities.distributions import Posterior, Prior
from flowshot.models.autoencoders.rave.model import SMALLEST_SCALE, global_draws
from flowshot.models.base.autoencoder import Autoencoder
from flowshot.models.base.kind import ModelCard, ModelKind

EXPORTED = "exported.ts"  # the copy of the file beside `config.json`: weights alone do not say what is computed
RATE_NAMES = ("sr", "sampling_rate")  # of the sample rate, in RAVE's versions
CACHES = ("pad", "cache")  # buffers in which an export for streaming stores the end of its last input
PROBED_FRAMES = 4
# Between what `encode` draws and the same draw computed here, as a share of the largest value.
LARGEST_DIFFERENCE = 1e-3


@dataclass(frozen=True)
class ExportedRaveConfig(Section):
    """A file that `rave export` wrote. It contains code that runs here, so `trust` must be true.

    `delay` is the delay of a streaming export, in samples.
    """

    path: str
    trust: bool
    delay: int

    def __post_init__(self) -> None:
        require(self.path != "", "path must name a file that `rave export` wrote")
        require(self.delay >= 0, "delay must not be negative")

    @property
    def file(self) -> Path:
        """The file that `path` names."""
        return Path(self.path).expanduser()


def check_exported(config: ExportedRaveConfig, path: Path) -> None:
    """Raise FlowshotError if the file `path` is missing or not trusted; it is not run."""
    if not path.is_file():
        raise FlowshotError(f"{path}: not found; `path` must name a file that `rave export` wrote")
    if not config.trust:
        raise FlowshotError(
            f"{path}: not loaded, because an exported RAVE is TorchScript, which runs code on this machine; if you "
            "trust its author, set `trust: true` beside `path`"
        )


class ExportedRave(Autoencoder):
    """An autoencoder whose encoder and decoder are the methods `encode` and `decode` of an exported RAVE.

    Its latent is RAVE's frames, turned to their principal components and cropped, flattened. A clip is padded with
    zeros to whole frames. The prior is N(0, I), from which RAVE's `decode` also draws the cropped components.

    RAVE's `encode` draws from its posterior. This posterior has the mean and the standard deviation of that draw in
    each dimension, and leaves out the correlations within a frame. An export whose `encode` draws nothing has a
    posterior of the fixed width `SMALLEST_SCALE`.

    Raises:
        FlowshotError: the file `path` is missing, is not trusted, is no exported RAVE, or is for other clips.
    """

    def __init__(self, config: ExportedRaveConfig, path: Path, clip_samples: int, sample_rate: int) -> None:
        super().__init__(clip_samples, sample_rate)
        check_exported(config, path)
        self.path, self.delay = path, config.delay
        self.rave, self.dimensions, self.ratio = _load(path, sample_rate)
        self.frames = -(-(clip_samples + self.delay) // self.ratio)
        self.posterior_flow = None
        self.prior = Prior(self.dimensions * self.frames)
        try:
            self.draws = self._probe()
        except (torch.jit.Error, RuntimeError, TypeError, ValueError, AttributeError) as error:
            raise _no_rave(path, error) from None

    @property
    def latent_shape(self) -> tuple[int, int]:
        return self.dimensions, self.frames

    @property
    def caches(self) -> list[Tensor]:
        """The caches of an export for streaming; their rows limit the batch."""
        return [value for name, value in self.rave.named_buffers() if name.rpartition(".")[2] in CACHES]

    def pad(self, clips: Tensor) -> Tensor:
        """`clips: [batch, samples]` as whole frames, `[batch, 1, padded]`."""
        return functional.pad(clips, (0, self.frames * self.ratio - clips.shape[-1]))[:, None]

    def posterior(self, clips: Tensor) -> Posterior:
        if self.draws:
            mean, scale = self._in_batches(self._moments, self.pad(clips)).chunk(2, dim=1)
        else:
            mean = self._in_batches(self.rave.encode, self.pad(clips))
            scale = torch.full_like(mean, SMALLEST_SCALE)
        return Posterior(mean.float().flatten(1), scale.float().log().flatten(1))

    def decode(self, latent: Tensor, generator: torch.Generator | None = None) -> Tensor:
        with global_draws(generator):
            decoded = self._in_batches(self.rave.decode, latent.unflatten(1, self.latent_shape))
        return decoded[:, 0, self.delay : self.delay + self.clip_samples].clamp(-1, 1)

    def _in_batches(self, method: Callable[[Tensor], Tensor], batch: Tensor) -> Tensor:
        """`method` of `batch`, with empty caches: a clip does not depend on the one before."""
        caches = self.caches
        rows = min((len(cache) for cache in caches), default=len(batch))
        parts = []
        # Only the diagnosis needs a graph, from clips to latents.
        wanted = torch.is_grad_enabled() and batch.requires_grad
        # The profiling executor compiles again for every new size, for minutes in all.
        with torch.set_grad_enabled(wanted), torch.jit.optimized_execution(False):
            for part in batch.split(max(1, rows)):
                for cache in caches:
                    cache.detach_().zero_()
                parts.append(method(part))
        return torch.cat(parts)

    def _frames(self, padded: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of RAVE's own frames, before they are turned, `[batch, full size, frames]`."""
        if self.rave.resampler is not None:
            padded = self.rave.resampler.to_model_sampling_rate(padded)
        if self.rave.input_mode == "pqmf":
            padded = self.rave.pqmf(padded)
        mean, scale = self.rave.encoder(padded).chunk(2, dim=1)
        return mean - self.rave.latent_mean[:, None], functional.softplus(scale) + SMALLEST_SCALE

    def _moments(self, padded: Tensor) -> Tensor:
        """Mean and standard deviation of what `encode` draws, `[batch, 2 * dimensions, frames]`."""
        mean, scale = self._frames(padded)
        axes = self.rave.latent_pca[: self.dimensions]
        return torch.cat([axes @ mean, (axes.square() @ scale.square()).sqrt()], dim=1)

    def _drawn(self, padded: Tensor) -> Tensor:
        """What `encode` draws, computed from the parts that `_moments` uses."""
        mean, scale = self._frames(padded)
        return self.rave.latent_pca[: self.dimensions] @ (torch.randn_like(mean) * scale + mean)

    def _probe(self) -> bool:
        """Whether `encode` draws; raises an error of any kind unless the file does what an export of RAVE does."""

        def seeded(method: Callable[[Tensor], Tensor], batch: Tensor, seed: int = 0) -> Tensor:
            with global_draws(torch.Generator().manual_seed(seed)):
                return self._in_batches(method, batch)

        noise = 0.1 * torch.randn(2, 1, PROBED_FRAMES * self.ratio, generator=torch.Generator().manual_seed(0))
        latents = seeded(self.rave.encode, noise)
        shapes = latents.shape, seeded(self.rave.decode, latents).shape
        if shapes != ((2, self.dimensions, PROBED_FRAMES), noise.shape):
            raise ValueError(f"it gives the shapes {[list(shape) for shape in shapes]}")
        draws = not torch.equal(latents, seeded(self.rave.encode, noise, seed=1))
        if draws:
            difference = (seeded(self._drawn, noise) - latents).abs().max()
            if not difference <= LARGEST_DIFFERENCE * latents.abs().max():
                raise ValueError("its draws are not those of a variational encoder")
        return draws


def _load(path: Path, sample_rate: int) -> tuple[Any, int, int]:
    """The module in `path`, on the CPU and not to be trained, the dimensions of its frames, and the samples of one."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*torch.jit.*", category=DeprecationWarning)
            module = torch.jit.load(str(path), map_location="cpu").eval()
        channels, _, dimensions, ratio = (int(value) for value in module.encode_params)
        outputs = int(module.decode_params[2])
        rate = int(next(getattr(module, name) for name in RATE_NAMES if hasattr(module, name)))
    except (RuntimeError, ValueError, AttributeError, StopIteration) as error:
        raise _no_rave(path, error) from None
    if rate != sample_rate:
        raise FlowshotError(
            f"{path}: is for {rate} Hz, but the clips have {sample_rate} Hz; set the dataset's sample_rate to {rate}, "
            "or name another file"
        )
    if (channels, outputs) != (1, 1):
        raise FlowshotError(f"{path}: is for several channels, but clips have one; export a model of one channel")
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    return module, dimensions, ratio


def _no_rave(path: Path, error: Exception) -> FlowshotError:
    # TorchScript prints its own code before the line that says what went wrong.
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    why = lines[-1] if lines else type(error).__name__
    return FlowshotError(f"{path}: is not an exported RAVE ({why}); `path` must name a file that `rave export` wrote")


def build(card: ModelCard, folder: Path | None) -> ExportedRave:
    """The model of a card: from the user's file, or from its copy in a trained model's folder."""
    path = card.config.file if folder is None else folder / EXPORTED
    return ExportedRave(card.config, path, card.clip_samples, card.sample_rate)


KIND = ModelKind(
    config=ExportedRaveConfig,
    build=build,
    check=lambda name, config, clip_samples, sample_rate: check_exported(config, config.file),
    files=lambda config: {EXPORTED: config.file},
    frames=True,
)
