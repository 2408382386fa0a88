"""The real RAVE (Caillon & Esling 2021, 2111.05011) as an `Autoencoder`, from the package acids-rave.

Nothing of it is copied: its classes are called, and its licence is CC BY-NC. It is an extra: `make setup EXTRAS=rave`.
"""

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from flowshot.densities.distributions import Posterior, Prior
from flowshot.models.autoencoders.rave.config import RaveConfig, check_rave
from flowshot.models.base.autoencoder import Autoencoder

# RAVE adds this to the softplus that is a posterior's standard deviation.
SMALLEST_SCALE = 1e-4
DISCRIMINATOR = "rave.discriminator."


class RaveAutoencoder(Autoencoder):
    """A VAE whose encoder and decoder are RAVE's; its latent is a sequence of frames, flattened.

    A clip is padded with zeros to `train_samples`, the length that RAVE is trained at, and of its frames those are
    the latent that the clip itself reaches. They are decoded with frames of silence behind them, and cut to the length
    of the clip. Their prior is N(0, I), which RAVE's loss pulls every frame towards.

    Args:
        config: which of RAVE's configurations, and what differs from it.
        clip_samples: length of every clip.
        sample_rate: in Hz.

    Raises:
        FlowshotError: acids-rave is not installed, or a clip is longer than RAVE is to be trained at.
    """

    def __init__(self, config: RaveConfig, clip_samples: int, sample_rate: int) -> None:
        super().__init__(clip_samples, sample_rate)
        check_rave(config, "rave", clip_samples)
        self.config = config
        self.ratio, self.padded = config.frame_samples, config.padded_samples
        self.frames = -(-clip_samples // self.ratio)
        self.posterior_flow = None
        self.prior = Prior(config.latent_size * self.frames)
        with warnings.catch_warnings(), rave_configuration(config, sample_rate) as package:
            warnings.simplefilter("ignore")  # that it normalises weights in the way that torch had first
            self.rave = package.RAVE(n_channels=1)

    @property
    def latent_shape(self) -> tuple[int, int]:
        """Dimensions and frames of a latent."""
        return self.config.latent_size, self.frames

    def pad(self, clips: Tensor) -> Tensor:
        """`clips: [batch, samples]` as RAVE takes them, `[batch, 1, padded]`."""
        return functional.pad(clips, (0, self.padded - clips.shape[-1]))[:, None]

    def posterior(self, clips: Tensor) -> Posterior:
        """q(z|x) of `clips: [batch, samples]`: RAVE's frames, dimension by dimension."""
        mean, scale = self.rave.encode(self.pad(clips))[..., : self.frames].float().chunk(2, dim=1)
        return Posterior(mean.flatten(1), (functional.softplus(scale) + SMALLEST_SCALE).log().flatten(1))

    def decode(self, latent: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """`latent: [batch, latent_size]` -> clips `[batch, samples]` in [-1, 1].

        RAVE draws its noise from torch's global generator, which is seeded from `generator` and left as it was.
        """
        with global_draws(generator):
            frames = latent.unflatten(1, self.latent_shape)
            decoded = self.rave.decode(torch.cat([frames, self._silence().expand(len(frames), -1, -1)], dim=-1))
        return decoded[:, 0, : self.clip_samples].clamp(-1, 1)

    def _silence(self) -> Tensor:
        """The frames behind a clip, `[1, dimensions, frames]`: the decoder sees further than a clip is long.

        They are the means that RAVE encodes silence to, which is what has followed every clip in training.
        """
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
    """Within the block torch's global generator is seeded from `generator`, or with 0; then it is as it was."""
    seed = 0 if generator is None else int(torch.randint(2**62, (), generator=generator, device=generator.device))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


@contextmanager
def rave_configuration(config: RaveConfig, sample_rate: int, phase_1_steps: int = 0) -> Iterator[Any]:
    """The package `rave`, configured: its second phase begins after `phase_1_steps`.

    The configuration is global, is asked for when modules are made and in every training step, and changes what is
    made anywhere: so it is set for a block only.
    """
    # Imported here: an extra that takes seconds to import, and which other autoencoders do not need.
    import gin
    import rave

    bindings = [
        f"SAMPLING_RATE = {sample_rate}",
        f"LATENT_SIZE = {config.latent_size}",
        f"CAPACITY = {config.capacity}",
        f"RATIOS = {list(config.ratios)}",
        f"PHASE_1_DURATION = {phase_1_steps}",
        # It cuts away what padding has touched, which in clips as short as ours is all.
        "model.RAVE.valid_signal_crop = False",
    ]
    gin.clear_config()
    try:
        # It calls an error every place in which it looks for a file before it finds it.
        logging.disable(logging.ERROR)
        try:
            gin.parse_config_files_and_bindings([f"{config.config}.gin"], bindings)
        finally:
            logging.disable(logging.NOTSET)
        yield rave
    finally:
        gin.clear_config()
