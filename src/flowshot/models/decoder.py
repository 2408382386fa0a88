"""The decoder: one latent vector per clip to a waveform."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from flowshot.config.autoencoder import AutoencoderConfig
from flowshot.models.blocks import activation, initialise, residual_stack, upsample
from flowshot.models.encoder import frames_of, front_stride
from flowshot.models.pqmf import PQMF

# Amplitudes start near -40 dB: audible to the loss, but not what the first steps spend themselves on removing.
INITIAL_AMPLITUDE_LOGIT = -2.2


# `[batch, channels, frames]`, and what is added to the logits of the amplitudes of waveform and noise, each
# `[batch, bands, frames]`, where there are levels.
Features = tuple[Tensor, Tensor | None, Tensor | None]


class Decoder(nn.Module):
    """The encoder's mirror: latent to frames, levels of residual blocks with upsampling, and the front end.

    With `envelope`, each sub-band (or the waveform, without multi-band front end) is multiplied by a learned
    amplitude in (0, 1). A plain decoder hisses where the clip is silent, because an exact zero is a single
    point of its output; an amplitude reaches silence over a whole half-line of its logit.

    With `noise`, white noise of learned amplitude is added in each sub-band (or to the waveform). Hats, snares and
    tails are noise, whose phase no latent can hold; a deterministic decoder can only blur it. Filtered noise as a
    branch of its own: Engel et al. 2020 (DDSP, 2001.04643), Caillon & Esling 2021 (RAVE, 2111.05011).

    With `levels`, the latent raises and lowers these amplitudes by a linear map as well, each sub-band over the whole
    clip and over each innermost frame. Without, the balance of bands in decoded clips was off: putting nine numbers of
    it right in each clip took FAD from 13.0 to 10.5 (docs/findings.md).

    Shapes: `[batch, latent_size]` -> `[batch, clip_samples]`, in [-1, 1].
    """

    def __init__(self, config: AutoencoderConfig, clip_samples: int) -> None:
        super().__init__()
        self.clip_samples = clip_samples
        self.frames = frames_of(config, clip_samples)
        self.bank = PQMF(config.bands) if config.front_end == "pqmf" else None
        channels = config.decoder_channels or config.channels
        widths = [*channels, channels[-1]]
        self.inner = nn.Linear(config.latent_size, widths[-1] * self.frames)
        layers: list[nn.Module] = []
        for level in reversed(range(len(config.strides))):
            layers.append(upsample(config, widths[level + 1], widths[level], config.strides[level]))
            layers.append(
                residual_stack(widths[level], config.kernel_size, config.decoder_dilations, config.activation)
            )
        self.layers = nn.Sequential(*layers, activation(config.activation, widths[0]))
        bands = front_stride(config)
        self.waveform = nn.Conv1d(widths[0], bands, 7, padding=3)
        self.amplitude = nn.Conv1d(widths[0], bands, 7, padding=3) if config.envelope else None
        self.noise_amplitude = nn.Conv1d(widths[0], bands, 7, padding=3) if config.noise else None
        self.levels: nn.Linear | None = None
        if config.levels and (config.envelope or config.noise):
            self.levels = nn.Linear(config.latent_size, 2 * bands * (1 + self.frames))
        initialise(self)
        if self.levels is not None:
            nn.init.zeros_(self.levels.weight)
        for head in (self.amplitude, self.noise_amplitude):
            if head is not None and head.bias is not None:
                nn.init.constant_(head.bias, INITIAL_AMPLITUDE_LOGIT)

    def forward(self, latent: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return self.render(self.features(latent), generator)

    def features(self, latent: Tensor) -> Features:
        """`latent: [batch, latent_size]` -> what the clip is made from, without noise."""
        features = self.layers(self.inner(latent).unflatten(1, (-1, self.frames)))
        if self.levels is None:
            return features, None, None
        whole, parts = self.levels(latent).unflatten(1, (-1, 1 + self.frames)).split([1, self.frames], dim=-1)
        logits = whole + functional.interpolate(parts, size=features.shape[-1], mode="linear")
        return features, *logits.chunk(2, dim=1)

    def render(self, made_from: Features, generator: torch.Generator | None = None) -> Tensor:
        """Clips from what `features` gave; each call draws its own noise from `generator`."""
        features, level, noise_level = made_from
        signal = self.waveform(features)
        if self.amplitude is not None:
            signal = torch.tanh(signal) * _amplitude(self.amplitude(features), level)
        if self.noise_amplitude is not None:
            amplitude = _amplitude(self.noise_amplitude(features), noise_level)
            signal = signal + amplitude * _white_noise(amplitude, generator)
        with torch.autocast(signal.device.type, enabled=False):
            signal = signal.float()
            clips = signal.squeeze(1) if self.bank is None else self.bank.synthesis(signal)
        return _soft_limit(clips)[:, : self.clip_samples]


def _amplitude(logit: Tensor, more: Tensor | None) -> Tensor:
    """In (0, 1). Squared, so that silence (-80 dB) lies at a logit of -4.6 and not twice as far."""
    return torch.sigmoid(logit if more is None else logit + more).square()


def _white_noise(like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Standard normal noise in the shape of `like`; without a generator the same at every call."""
    if generator is None:
        generator = torch.Generator(like.device).manual_seed(0)
    return torch.randn(like.shape, generator=generator, device=like.device)


def _soft_limit(clips: Tensor) -> Tensor:
    """Identity up to 0.9, then bent towards 1: bounded output without colouring what is not loud."""
    knee = 0.9
    over = functional.relu(clips.abs() - knee)
    bent = knee + (1 - knee) * torch.tanh(over / (1 - knee))
    return torch.where(over > 0, clips.sign() * bent, clips)
