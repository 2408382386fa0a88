"""The kind `rave`: the real RAVE (Caillon & Esling 2021, 2111.05011), trained here, from the package acids-rave.

Its classes are called and nothing of it is copied: its licence is CC BY-NC. It is an extra: `make setup EXTRAS=rave`.
"""

import importlib.util
import logging
import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from flowshot.core.errors import FlowshotError
from flowshot.core.sections import Section, require
from flowshot.densities.distributions import Posterior, Prior
from flowshot.models.base.autoencoder import Autoencoder
from flowshot.models.base.kind import ModelKind

# RAVE adds this to the softplus that is a posterior's standard deviation.
SMALLEST_SCALE = 1e-4
DISCRIMINATOR = "rave.discriminator."
BANDS = 16  # of RAVE's filter bank, in all of its configurations


@dataclass(frozen=True)
class RaveConfig(Section):
    """One of RAVE's configurations, and what differs from it.

    RAVE has its own losses and optimizers: of `train` the intervals, `threads` and `on_collapse` apply, and `loss` in
    the diagnosis. `phase_1_share` is the share of the steps before the discriminators train. Clips are padded to
    `train_samples`.
    """

    config: Literal["v1", "v2", "v2_small"]
    latent_size: int
    capacity: int
    ratios: tuple[int, ...]
    phase_1_share: float
    train_samples: int

    def __post_init__(self) -> None:
        require(self.latent_size >= 2 and self.capacity > 0, "latent_size must be at least 2, and capacity above 0")
        require(len(self.ratios) == 4 and min(self.ratios) >= 1, "ratios must be four numbers above 0")
        require(0 < self.phase_1_share <= 1, "phase_1_share must be above 0, and 1 at most")
        require(self.train_samples >= 32768, "train_samples must be at least 32768, which RAVE's losses need")

    @property
    def frame_samples(self) -> int:
        """Samples of one frame of the latent."""
        return BANDS * math.prod(self.ratios)

    @property
    def padded_samples(self) -> int:
        """`train_samples`, in whole frames."""
        return -(-self.train_samples // self.frame_samples) * self.frame_samples


def check_rave(name: str, config: RaveConfig, clip_samples: int, sample_rate: int) -> None:
    """Raise FlowshotError if clips are longer than `train_samples`, or acids-rave is not installed.

    It looks for the package without importing it, which takes seconds.
    """
    if clip_samples > config.padded_samples:
        raise FlowshotError(
            f"{name}: train_samples is {config.padded_samples}, but clips have {clip_samples} samples; raise it"
        )
    missing = [package for package in ("rave", "gin", "pytorch_lightning") if importlib.util.find_spec(package) is None]
    if missing:
        raise FlowshotError(
            f"{name}: needs the package acids-rave ({missing[0]} is missing); install it with `make setup EXTRAS=rave`"
        )


class RaveAutoencoder(Autoencoder):
    """An autoencoder whose encoder and decoder are RAVE's; its latent is a sequence of frames, flattened.

    A clip is padded with zeros to `train_samples`, and the latent is those frames that the clip itself reaches. They
    are decoded with frames of silence behind them, and cut to the length of the clip. The prior is N(0, I), as in
    RAVE's loss.

    Raises:
        FlowshotError: acids-rave is not installed, or a clip is longer than `train_samples`.
    """

    def __init__(self, config: RaveConfig, clip_samples: int, sample_rate: int) -> None:
        super().__init__(clip_samples, sample_rate)
        check_rave("rave", config, clip_samples, sample_rate)
        self.config = config
        self.ratio, self.padded = config.frame_samples, config.padded_samples
        self.frames = -(-clip_samples // self.ratio)
        self.posterior_flow = None
        self.prior = Prior(config.latent_size * self.frames)
        with warnings.catch_warnings(), rave_configuration(config, sample_rate) as package:
            warnings.simplefilter("ignore")  # torch's deprecation of its weight_norm
            self.rave = package.RAVE(n_channels=1)

    @property
    def latent_shape(self) -> tuple[int, int]:
        return self.config.latent_size, self.frames

    def pad(self, clips: Tensor) -> Tensor:
        """`clips: [batch, samples]` as RAVE takes them, `[batch, 1, padded]`."""
        return functional.pad(clips, (0, self.padded - clips.shape[-1]))[:, None]

    def posterior(self, clips: Tensor) -> Posterior:
        mean, scale = self.rave.encode(self.pad(clips))[..., : self.frames].float().chunk(2, dim=1)
        return Posterior(mean.flatten(1), (functional.softplus(scale) + SMALLEST_SCALE).log().flatten(1))

    def decode(self, latent: Tensor, generator: torch.Generator | None = None) -> Tensor:
        with global_draws(generator):
            frames = latent.unflatten(1, self.latent_shape)
            decoded = self.rave.decode(torch.cat([frames, self._silence().expand(len(frames), -1, -1)], dim=-1))
        return decoded[:, 0, : self.clip_samples].clamp(-1, 1)

    def _silence(self) -> Tensor:
        """Means of the frames behind a clip, `[1, dimensions, frames]`: in training, silence follows every clip."""
        silence = self.rave.encode(self.pad(torch.zeros(1, self.clip_samples, device=self.rave.latent_mean.device)))
        return silence.chunk(2, dim=1)[0][..., self.frames :]

    def weights(self) -> dict[str, Tensor]:
        """What encoding and decoding need: the discriminators of the second phase are left out."""
        state = self.state_dict()
        return {name: value.cpu().clone() for name, value in state.items() if not name.startswith(DISCRIMINATOR)}

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """As every module, and also what `weights` gave; then the model cannot be trained any more."""
        if not any(name.startswith(DISCRIMINATOR) for name in state_dict):
            self.rave.discriminator = nn.Identity()
        return super().load_state_dict(state_dict, strict, assign)


@contextmanager
def global_draws(generator: torch.Generator | None) -> Iterator[None]:
    """Seed torch's global generator, which RAVE draws from, by `generator` or 0; restore it after the block."""
    seed = 0 if generator is None else int(torch.randint(2**62, (), generator=generator, device=generator.device))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


@contextmanager
def rave_configuration(config: RaveConfig, sample_rate: int, phase_1_steps: int = 0) -> Iterator[Any]:
    """The package `rave`, configured for a block, because its configuration is global.

    RAVE reads it when modules are made and in every training step; its second phase begins after `phase_1_steps`.
    """
    # Imported here: an extra that takes seconds to import.
    import gin
    import rave

    bindings = [
        f"SAMPLING_RATE = {sample_rate}",
        f"LATENT_SIZE = {config.latent_size}",
        f"CAPACITY = {config.capacity}",
        f"RATIOS = {list(config.ratios)}",
        f"PHASE_1_DURATION = {phase_1_steps}",
        # The crop removes what padding has touched, which is all of a short clip.
        "model.RAVE.valid_signal_crop = False",
    ]
    try:
        logging.disable(logging.ERROR)  # it logs an error for every place where it does not find a file
        gin.clear_config()
        gin.parse_config_files_and_bindings([f"{config.config}.gin"], bindings)
        logging.disable(logging.NOTSET)
        yield rave
    finally:
        logging.disable(logging.NOTSET)
        gin.clear_config()


KIND = ModelKind(
    config=RaveConfig,
    build=lambda card, folder: RaveAutoencoder(card.config, card.clip_samples, card.sample_rate),
    check=check_rave,
    frames=True,
)
