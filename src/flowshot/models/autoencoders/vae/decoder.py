"""The decoder: one latent vector per clip to a waveform."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from flowshot.models.autoencoders.vae.blocks import Upsample, convolution, initialise, residual_stack
from flowshot.models.autoencoders.vae.config import VAEConfig
from flowshot.models.autoencoders.vae.encoder import frames_of, padding_of
from flowshot.models.autoencoders.vae.pitch import PitchHead
from flowshot.models.autoencoders.vae.slots import Slots
from flowshot.models.autoencoders.vae.sound import NoiseAndTones, Outline, Waveform

# Amplitudes start near -40 dB: the loss hears them, but the first steps are not spent on removing them.
INITIAL_AMPLITUDE_LOGIT = -2.2


class Decoder(nn.Module):
    """The encoder's mirror: latent to frames, levels of residual blocks with upsampling, sub-bands, waveform.

    The frames give each sub-band an amplitude in (0, 1); `sound.py` says what stands in it: noise or a tone, or with
    `waveform: true` a learned waveform. The latent also raises and lowers the amplitudes directly, by a linear map,
    over the whole clip and over each innermost frame. reports/checks/removed.md says what each part is worth.

    Shapes: `[batch, latent_size]` -> `[batch, clip_samples]`, in [-1, 1].
    """

    def __init__(self, config: VAEConfig, clip_samples: int) -> None:
        super().__init__()
        self.clip_samples, self.edge = clip_samples, padding_of(config, clip_samples)[0]
        self.frames = frames_of(config, clip_samples)
        widths = [*config.channels, config.channels[-1]]
        self.inner = nn.Linear(config.latent_size, widths[-1] * self.frames)
        layers: list[nn.Module] = []
        for level in reversed(range(len(config.strides))):
            layers.append(Upsample(widths[level + 1], widths[level], config.strides[level]))
            layers.append(residual_stack(widths[level], config.decoder_dilations))
        self.layers = nn.Sequential(*layers, nn.SiLU())
        self.amplitudes = convolution(widths[0], config.bands, 7)
        self.levels = nn.Linear(config.latent_size, config.bands * (1 + self.frames))
        pitch = None if config.waveform else PitchHead(config.latent_size, widths[-1], config.bands, self.frames)
        self.sound = Waveform(widths[0], config.bands) if pitch is None else NoiseAndTones(pitch, config.bands)
        initialise(self)
        if pitch is not None:
            pitch.start_undecided()
        nn.init.zeros_(self.levels.weight)
        assert self.amplitudes.bias is not None
        nn.init.constant_(self.amplitudes.bias, INITIAL_AMPLITUDE_LOGIT)

    def forward(self, latent: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Clips of latents; each call draws its own noise and tones from `generator`, without one always the same."""
        return self.follow(latent, None, generator)[0]

    def follow(
        self, latent: Tensor, measured: Slots | None, generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor]:
        """As `forward`, with tones where they were measured; and by how much the decoder misses those, `[batch]`."""
        inner = self.inner(latent).unflatten(1, (-1, self.frames))
        outer = self.layers(inner)
        # What is added to the logits of the amplitudes, `[batch, bands, frames]`.
        whole, parts = self.levels(latent).unflatten(1, (-1, 1 + self.frames)).split([1, self.frames], dim=-1)
        levels = whole + functional.interpolate(parts, size=outer.shape[-1], mode="linear")
        outline = Outline(latent, inner, outer, _amplitude(self.amplitudes(outer) + levels))
        clips, missed = self.sound(outline, measured, generator)
        return _soft_limit(clips)[:, self.edge : self.edge + self.clip_samples], missed


def _amplitude(logit: Tensor) -> Tensor:
    """In (0, 1). Squared, so that silence (-80 dB) lies at a logit of -4.6 and not twice as far."""
    return torch.sigmoid(logit).square()


def _soft_limit(clips: Tensor) -> Tensor:
    """Identity up to 0.9, then bent towards 1: bounds loud output and leaves the rest unchanged."""
    knee = 0.9
    over = functional.relu(clips.abs() - knee)
    bent = knee + (1 - knee) * torch.tanh(over / (1 - knee))
    return torch.where(over > 0, clips.sign() * bent, clips)
