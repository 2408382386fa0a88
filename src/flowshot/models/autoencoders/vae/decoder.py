"""The decoder: one latent vector per clip to a waveform."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from flowshot.models.autoencoders.vae.blocks import CentredConvolution, activation, initialise, residual_stack, upsample
from flowshot.models.autoencoders.vae.config import VAEConfig
from flowshot.models.autoencoders.vae.encoder import frames_of, front_stride
from flowshot.models.autoencoders.vae.pqmf import PQMF
from flowshot.models.autoencoders.vae.tones import ToneBank

# Amplitudes start near -40 dB: audible to the loss, but not what the first steps spend themselves on removing.
INITIAL_AMPLITUDE_LOGIT = -2.2
# The mean over so many frames is taken off each sub-band: 16 ms with 32 bands at 16 kHz.
CENTRED_FRAMES = 8


class Features(NamedTuple):
    """What clips are made from, but for what is drawn at random."""

    frames: Tensor
    """`[batch, channels, frames]`"""
    levels: Tensor | None
    """What is added to the logits of the amplitudes, in the order waveform, noise, tones: `[batch, rows, frames]`."""


class Decoder(nn.Module):
    """The encoder's mirror: latent to frames, levels of residual blocks with upsampling, and the front end.

    With `envelope`, each sub-band (or the waveform, without multi-band front end) is multiplied by a learned
    amplitude in (0, 1). A plain decoder hisses where the clip is silent, because an exact zero is a single
    point of its output; an amplitude reaches silence over a whole half-line of its logit.

    With `noise`, white noise of learned amplitude is added in each sub-band (or to the waveform). Hats, snares and
    tails are noise, whose phase no latent can hold; a deterministic decoder can only blur it. Filtered noise as a
    branch of its own: Engel et al. 2020 (DDSP, 2001.04643), Caillon & Esling 2021 (RAVE, 2111.05011).

    With `tones`, so many sinusoids of learned amplitude are added in each sub-band, each at a random frequency within
    its part of the band. What rings has a steady level, which noise has not, whatever its pitch.

    With `centred`, the waveform of a sub-band has no constant part. A constant sub-band is a tone where two of them
    meet, and convolutions make constants easily: without, all decoded clips had tones at the same frequencies
    (docs/decoder.md). The last kernels have no mean, so that there are no constants to begin with, and the running mean
    is taken off what tanh may have made constant again.

    With `levels`, the latent raises and lowers these amplitudes by a linear map as well, each sub-band over the whole
    clip and over each innermost frame. Without, the balance of bands in decoded clips was off: putting nine numbers of
    it right in each clip took FAD from 13.0 to 10.5 (docs/decoder.md).

    Shapes: `[batch, latent_size]` -> `[batch, clip_samples]`, in [-1, 1].
    """

    def __init__(self, config: VAEConfig, clip_samples: int) -> None:
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
        self.centred = config.centred and self.bank is not None
        self.waveform = (CentredConvolution if self.centred else _convolution)(widths[0], bands, 7)
        self.amplitude = _convolution(widths[0], bands, 7) if config.envelope else None
        self.noise_amplitude = _convolution(widths[0], bands, 7) if config.noise else None
        self.tones, self.tone_amplitude = None, None
        if config.tones and self.bank is not None:
            self.tones = ToneBank(bands, config.tones)
            self.tone_amplitude = _convolution(widths[0], bands * config.tones, 7)
        heads = (self.amplitude, self.noise_amplitude, self.tone_amplitude)
        self.rows = [0 if head is None else head.out_channels for head in heads]
        self.levels: nn.Linear | None = None
        if config.levels and any(self.rows):
            self.levels = nn.Linear(config.latent_size, sum(self.rows) * (1 + self.frames))
        initialise(self)
        if self.levels is not None:
            nn.init.zeros_(self.levels.weight)
        for head in heads:
            if head is not None and head.bias is not None:
                nn.init.constant_(head.bias, INITIAL_AMPLITUDE_LOGIT)

    def forward(self, latent: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return self.render(self.features(latent), generator)

    def features(self, latent: Tensor) -> Features:
        """`latent: [batch, latent_size]` -> what `render` makes clips from."""
        frames = self.layers(self.inner(latent).unflatten(1, (-1, self.frames)))
        if self.levels is None:
            return Features(frames, None)
        whole, parts = self.levels(latent).unflatten(1, (-1, 1 + self.frames)).split([1, self.frames], dim=-1)
        return Features(frames, whole + functional.interpolate(parts, size=frames.shape[-1], mode="linear"))

    def render(self, features: Features, generator: torch.Generator | None = None) -> Tensor:
        """Clips from what `features` gave; each call draws its own noise and tones from `generator`."""
        frames, levels = features
        of_waveform, of_noise, of_tones = (None,) * 3 if levels is None else levels.split(self.rows, dim=1)
        signal = self.waveform(frames)
        noise, draws = self._draw(signal, generator)
        if self.amplitude is not None:
            signal = torch.tanh(signal) * _amplitude(self.amplitude(frames), of_waveform)
        hiss = None if self.noise_amplitude is None else _amplitude(self.noise_amplitude(frames), of_noise)
        ringing = None if self.tone_amplitude is None else _amplitude(self.tone_amplitude(frames), of_tones)
        # What is rounded to bfloat16 here is heard as it is; a mean in it would leave a rest of every constant.
        with torch.autocast(signal.device.type, enabled=False):
            signal = signal.float()
            if self.centred:
                signal = without_mean(signal, CENTRED_FRAMES)
            if hiss is not None:
                signal = signal + hiss.float() * noise
            clips = signal.squeeze(1) if self.bank is None else self.bank.synthesis(signal)
            if self.tones is not None and ringing is not None:
                clips = clips + self.tones(ringing.float(), draws)
        return _soft_limit(clips)[:, : self.clip_samples]

    def _draw(self, signal: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        """White noise in the shape of `signal`, and two uniform numbers a tone, `[batch, bands * tones, 2]`.

        All out of one standard normal tensor, because a traced decoder is handed that (`torchscript.py`).
        """
        batch, bands, frames = signal.shape
        frames = frames if self.noise_amplitude is not None else 0
        tones = 0 if self.tones is None else self.tones.tones
        if frames + tones == 0:
            return signal.new_empty(batch, bands, 0), signal.new_empty(batch, 0, 2)
        drawn = _standard_normal((batch, bands, frames + 2 * tones), signal.device, generator)
        uniform = torch.special.ndtr(drawn[..., frames:])
        return drawn[..., :frames], uniform.unflatten(-1, (tones, 2)).flatten(1, 2)


def without_mean(signal: Tensor, frames: int) -> Tensor:
    """`signal: [batch, bands, time]` less its mean over the last `frames`; before it is silence.

    Of the past alone: an attack must not be heard before it comes.
    """
    bands = signal.shape[1]
    # A convolution of each band by itself costs less than torch's pooling.
    mean = signal.new_full((bands, 1, frames), 1 / frames)
    return signal - functional.conv1d(functional.pad(signal, (frames - 1, 0)), mean, groups=bands)


def _convolution(inputs: int, outputs: int, kernel_size: int) -> nn.Conv1d:
    return nn.Conv1d(inputs, outputs, kernel_size, padding=kernel_size // 2)


def _amplitude(logit: Tensor, more: Tensor | None) -> Tensor:
    """In (0, 1). Squared, so that silence (-80 dB) lies at a logit of -4.6 and not twice as far."""
    return torch.sigmoid(logit if more is None else logit + more).square()


def _standard_normal(shape: tuple[int, ...], device: torch.device, generator: torch.Generator | None) -> Tensor:
    """Without a generator the same at every call."""
    if generator is None:
        generator = torch.Generator(device).manual_seed(0)
    return torch.randn(shape, generator=generator, device=device)


def _soft_limit(clips: Tensor) -> Tensor:
    """Identity up to 0.9, then bent towards 1: bounded output without colouring what is not loud."""
    knee = 0.9
    over = functional.relu(clips.abs() - knee)
    bent = knee + (1 - knee) * torch.tanh(over / (1 - knee))
    return torch.where(over > 0, clips.sign() * bent, clips)
