"""What stands in each sub-band at the loudness that the decoder gives it: noise or a tone, or a learned waveform."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from flowshot.models.autoencoders.vae.blocks import convolution
from flowshot.models.autoencoders.vae.pitch import PitchHead
from flowshot.models.autoencoders.vae.pqmf import PQMF
from flowshot.models.autoencoders.vae.slots import SLOT_FRAMES, Slots
from flowshot.models.autoencoders.vae.tones import ToneBank

# Of the noise that stays beside a tone, 20 dB below: no slot is a single line between two holes.
BESIDE_TONE = 0.1


@dataclass(frozen=True)
class Outline:
    """What the decoder knows of a clip before it sounds.

    `latent: [batch, latent_size]`; `inner: [batch, width, innermost frames]` and `outer: [batch, width, frames]`, made
    from it; `loudness: [batch, bands, frames]` in (0, 1).
    """

    latent: Tensor
    inner: Tensor
    outer: Tensor
    loudness: Tensor


class NoiseAndTones(nn.Module):
    """White noise or a tone in each sub-band, as a gate decides every 8 frames.

    Hats and tails are noise, whose phase no latent can hold (DDSP: Engel et al. 2020, 2001.04643; RAVE: Caillon &
    Esling 2021, 2111.05011); sustained sounds have a steady level, unlike noise. The two are never both at full level:
    noise as loud as a tone masks it.
    """

    def __init__(self, pitch: PitchHead, bands: int) -> None:
        super().__init__()
        self.pitch, self.bank, self.tones = pitch, PQMF(bands), ToneBank(bands)

    def forward(
        self, outline: Outline, measured: Slots | None, generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor]:
        """Clips `[batch, samples]`, and how far `pitch` is from `measured`, `[batch]`: 0 where nothing was measured.

        Tones stand where they were measured, or else where `pitch` says. Without a generator every call is the same.
        """
        loudness = outline.loudness
        length = loudness.shape[-1]
        logits = self.pitch(outline.latent, outline.inner)
        noise, draws = _draw(loudness, generator)
        # Rounding to bfloat16 would be audible here.
        with torch.autocast(loudness.device.type, enabled=False):
            slots = measured or self.pitch.choose(logits, draws, -(-length // SLOT_FRAMES))
            gate, places, loudness = slots.gate_at_frames(length), slots.places_at_frames(length), loudness.float()
            clips = self.bank.synthesis((1 - (1 - BESIDE_TONE) * gate) * loudness * noise)
            # A sinusoid of amplitude sqrt(2) has the power of unit noise.
            clips = clips + self.tones(math.sqrt(2) * gate * loudness, places, draws[..., 2])
            return clips, clips.new_zeros(len(clips)) if measured is None else self.pitch.loss(logits, measured)


class Waveform(nn.Module):
    """A learned waveform in each sub-band. Nothing is drawn, as a likelihood of the clip needs it.

    Beside noise and tones it was measured to do harm: reports/checks/removed.md.
    """

    def __init__(self, width: int, bands: int) -> None:
        super().__init__()
        self.convolution, self.bank = convolution(width, bands, 7), PQMF(bands)

    def forward(
        self, outline: Outline, measured: Slots | None, generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor]:
        """Clips `[batch, samples]`, and zeros `[batch]`, because there is no pitch to miss."""
        signal = torch.tanh(self.convolution(outline.outer)) * outline.loudness
        with torch.autocast(signal.device.type, enabled=False):
            clips = self.bank.synthesis(signal.float())
        return clips, clips.new_zeros(len(clips))


def _draw(loudness: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """White noise like `loudness: [batch, bands, frames]`, and `[batch, bands, 3]` uniform numbers for tones.

    All from one standard normal tensor, because a traced decoder is given that (`export/torchscript.py`).
    """
    batch, bands, frames = loudness.shape
    if generator is None:
        generator = torch.Generator(loudness.device).manual_seed(0)
    drawn = torch.randn((batch, bands, frames + 3), generator=generator, device=loudness.device)
    return drawn[..., :frames], torch.special.ndtr(drawn[..., frames:])
