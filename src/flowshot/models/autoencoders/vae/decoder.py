"""The decoder: one latent vector per clip to a waveform."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from flowshot.models.autoencoders.vae.blocks import (
    CentredConvolution,
    Upsample,
    convolution,
    initialise,
    residual_stack,
)
from flowshot.models.autoencoders.vae.config import VAEConfig
from flowshot.models.autoencoders.vae.encoder import frames_of, padding_of
from flowshot.models.autoencoders.vae.pitch import PitchHead
from flowshot.models.autoencoders.vae.pqmf import PQMF
from flowshot.models.autoencoders.vae.slots import SLOT_FRAMES, Slots
from flowshot.models.autoencoders.vae.tones import ToneBank

# Amplitudes start near -40 dB: the loss hears them, but the first steps are not spent on removing them.
INITIAL_AMPLITUDE_LOGIT = -2.2
# Of the noise that stays beside a tone, 20 dB below: no slot is a single line between two holes.
BESIDE_TONE = 0.1
# The mean over this many frames is subtracted from each sub-band: 16 ms with 32 bands at 16 kHz.
CENTRED_FRAMES = 8


class Decoder(nn.Module):
    """The encoder's mirror: latent to frames, levels of residual blocks with upsampling, sub-bands, waveform.

    Each sub-band is the sum of two parts, each with a learned amplitude in (0, 1):

    * a waveform. A plain decoder hisses where the clip is silent, because an exact zero is a single point of its
      output; an amplitude reaches silence over a whole half-line of its logit. The waveform has no constant part: a
      constant sub-band is a tone where two bands meet, and convolutions make constants easily. So the last kernels have
      no mean, and the running mean that tanh may have brought back is subtracted;
    * white noise or a tone, as a gate decides every 8 frames: hats and tails are noise, whose phase no latent can hold
      (DDSP: Engel et al. 2020, 2001.04643; RAVE: Caillon & Esling 2021, 2111.05011), and sustained sounds have a steady
      level, unlike noise. The two are never both at full level: noise as loud as a tone masks it. `PitchHead` predicts
      the gate and the tone's frequency.

    The latent also raises and lowers the amplitudes of each band directly, by a linear map, over the whole clip and
    over each innermost frame. reports/checks/removed.md says what each part is worth.

    Shapes: `[batch, latent_size]` -> `[batch, clip_samples]`, in [-1, 1].
    """

    def __init__(self, config: VAEConfig, clip_samples: int) -> None:
        super().__init__()
        self.clip_samples, self.edge = clip_samples, padding_of(config, clip_samples)[0]
        self.frames = frames_of(config, clip_samples)
        self.bank, self.tones = PQMF(config.bands), ToneBank(config.bands)
        widths = [*config.channels, config.channels[-1]]
        self.inner = nn.Linear(config.latent_size, widths[-1] * self.frames)
        layers: list[nn.Module] = []
        for level in reversed(range(len(config.strides))):
            layers.append(Upsample(widths[level + 1], widths[level], config.strides[level]))
            layers.append(residual_stack(widths[level], config.decoder_dilations))
        self.layers = nn.Sequential(*layers, nn.SiLU())
        self.waveform = CentredConvolution(widths[0], config.bands, 7)
        self.amplitudes = convolution(widths[0], 2 * config.bands, 7)
        self.levels = nn.Linear(config.latent_size, 2 * config.bands * (1 + self.frames))
        self.pitch = PitchHead(config.latent_size, widths[-1], config.bands, self.frames)
        initialise(self)
        self.pitch.start_undecided()
        nn.init.zeros_(self.levels.weight)
        assert self.amplitudes.bias is not None
        nn.init.constant_(self.amplitudes.bias, INITIAL_AMPLITUDE_LOGIT)

    def forward(self, latent: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Clips of latents; each call draws its own noise and tones from `generator`, without one always the same."""
        return self._sound(latent, None, generator)[0]

    def follow(
        self, latent: Tensor, measured: Slots, generator: torch.Generator | None, guided: bool
    ) -> tuple[Tensor, Tensor]:
        """As `forward`, if `guided` with tones where they were measured; and how far `self.pitch` is from that,
        `[batch]`."""
        clips, logits = self._sound(latent, measured if guided else None, generator)
        return clips, self.pitch.loss(logits, measured)

    def _sound(
        self, latent: Tensor, measured: Slots | None, generator: torch.Generator | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        inner = self.inner(latent).unflatten(1, (-1, self.frames))
        frames = self.layers(inner)
        length = frames.shape[-1]
        # What is added to the logits of the amplitudes, `[batch, 2 * bands, frames]`.
        whole, parts = self.levels(latent).unflatten(1, (-1, 1 + self.frames)).split([1, self.frames], dim=-1)
        levels = whole + functional.interpolate(parts, size=length, mode="linear")
        envelope, loudness = _amplitude(self.amplitudes(frames) + levels).chunk(2, dim=1)
        signal = self.waveform(frames)
        noise, draws = _draw(signal, generator)
        signal = torch.tanh(signal) * envelope
        logits = self.pitch(latent, inner)
        slots = measured or self.pitch.choose(logits, draws[..., 0], -(-length // SLOT_FRAMES))
        # Rounding to bfloat16 would be audible here; a rounded mean would leave a rest of every constant.
        with torch.autocast(signal.device.type, enabled=False):
            gate, places = slots.gate_at_frames(length), slots.places_at_frames(length)
            signal, loudness = without_mean(signal.float(), CENTRED_FRAMES), loudness.float()
            clips = self.bank.synthesis(signal + (1 - (1 - BESIDE_TONE) * gate) * loudness * noise)
            # A sinusoid of amplitude sqrt(2) has the power of unit noise.
            clips = clips + self.tones(math.sqrt(2) * gate * loudness, places, draws[..., 1])
        return _soft_limit(clips)[:, self.edge : self.edge + self.clip_samples], logits


def without_mean(signal: Tensor, frames: int) -> Tensor:
    """`signal: [batch, bands, time]` minus its mean over the last `frames`; silence comes before it.

    Of the past alone: an attack must not be heard before it comes.
    """
    bands = signal.shape[1]
    # A convolution for each band costs less than torch's pooling.
    mean = signal.new_full((bands, 1, frames), 1 / frames)
    return signal - functional.conv1d(functional.pad(signal, (frames - 1, 0)), mean, groups=bands)


def _draw(signal: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """White noise in the shape of `signal: [batch, bands, frames]`, and `[batch, bands, 2]` uniform numbers for tones.

    All from one standard normal tensor, because a traced decoder is given that (`export/torchscript.py`).
    """
    batch, bands, frames = signal.shape
    if generator is None:
        generator = torch.Generator(signal.device).manual_seed(0)
    drawn = torch.randn((batch, bands, frames + 2), generator=generator, device=signal.device)
    return drawn[..., :frames], torch.special.ndtr(drawn[..., frames:])


def _amplitude(logit: Tensor) -> Tensor:
    """In (0, 1). Squared, so that silence (-80 dB) lies at a logit of -4.6 and not twice as far."""
    return torch.sigmoid(logit).square()


def _soft_limit(clips: Tensor) -> Tensor:
    """Identity up to 0.9, then bent towards 1: bounds loud output and leaves the rest unchanged."""
    knee = 0.9
    over = functional.relu(clips.abs() - knee)
    bent = knee + (1 - knee) * torch.tanh(over / (1 - knee))
    return torch.where(over > 0, clips.sign() * bent, clips)
