"""The encoder: clips to one vector of features per clip."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from flowshot.models.autoencoders.vae.blocks import Downsample, convolution, initialise, residual_stack
from flowshot.models.autoencoders.vae.config import VAEConfig
from flowshot.models.autoencoders.vae.fine_spectrum import FineSpectrum, log_level
from flowshot.models.autoencoders.vae.pqmf import PQMF
from flowshot.models.autoencoders.vae.slots import Slots

# One residual block each, in every level.
DILATIONS = (1,)
# The mu of the mu-law: levels below about -60 dB are linear.
COMPANDING = 1000.0
# Of the numbers that a clip's statistics are mixed to before the heads.
MIXED = 256


def frames_of(config: VAEConfig, clip_samples: int) -> int:
    """Frames at the innermost level: the clip and the edges of the filter bank are padded to a whole number of them."""
    return math.ceil((clip_samples + 2 * PQMF.EDGE * config.bands) / (config.bands * math.prod(config.strides)))


def padding_of(config: VAEConfig, clip_samples: int) -> tuple[int, int]:
    """Zeros before and after a clip for encoder and decoder, in samples."""
    padded = frames_of(config, clip_samples) * config.bands * math.prod(config.strides)
    before = PQMF.EDGE * config.bands
    return before, padded - before - clip_samples


def compand(signal: Tensor) -> Tensor:
    """The mu-law of telephony: the encoder sees a tail at -60 dB and not only the attack. Full scale becomes 4.

    Without it quiet sub-bands would be a thousand times smaller than loud ones, and their weights a thousand times
    slower to learn.
    """
    return signal.sign() * (COMPANDING * signal.abs()).log1p() * (4 / math.log1p(COMPANDING))


def averages(values: Tensor, parts: int) -> Tensor:
    """Means of `values: [batch, bands, frames]` over all frames, and over each of `parts` (or 0) equal parts.

    Returns `[batch, bands, 1 + parts]`.
    """
    whole = values.mean(-1, keepdim=True)
    return torch.cat([whole, functional.adaptive_avg_pool1d(values, parts)], dim=-1) if parts else whole


class Encoder(nn.Module):
    """Sub-bands, levels of residual blocks with downsampling between them, and pooling over time; and statistics.

    Shapes: clips with `self.padding` around them `[batch, samples]`, and what was measured of them -> features
    `[batch, self.size]`.

    With pooling `flatten` the features keep the time of events; with `mean` they are the average over frames, so the
    heads see a pooled vector and averaging does not narrow the posterior. Statistics follow, so that the heads need not
    guess what the convolutions see badly: the log levels and the tonality of the sub-bands, over the clip and, with
    `flatten`, over each innermost frame, and the fine spectrum; as they are, and mixed by one nonlinear layer.
    """

    def __init__(self, config: VAEConfig, clip_samples: int) -> None:
        super().__init__()
        self.padding = padding_of(config, clip_samples)
        self.pooling = config.pooling
        self.bank = PQMF(config.bands)
        self.fine = FineSpectrum(sum(self.padding) + clip_samples)
        widths = [*config.channels, config.channels[-1]]
        layers: list[nn.Module] = [convolution(config.bands, widths[0], 7)]
        for level, stride in enumerate(config.strides):
            layers.append(residual_stack(widths[level], DILATIONS))
            layers.append(Downsample(widths[level], widths[level + 1], stride))
        self.layers = nn.Sequential(*layers, nn.SiLU())
        self.frames = frames_of(config, clip_samples) if self.pooling == "flatten" else 0
        means = config.bands * (1 + self.frames)
        # Without their common rise and fall, which the levels have, and which many steps of Adam would add up.
        pitches = self.fine.size + means
        self.pitches = nn.Sequential(
            nn.LayerNorm(pitches, elementwise_affine=False), nn.Linear(pitches, MIXED), nn.SiLU()
        )
        initialise(self)
        self.size = widths[-1] * max(self.frames, 1) + means + MIXED

    def forward(self, clips: Tensor, measured: Slots) -> Tensor:
        with torch.autocast(clips.device.type, enabled=False):  # quiet sub-bands would be rounding noise of loud ones
            sub_bands = self.bank.analysis(clips.float())
        features = self.layers(compand(sub_bands))
        features = features.flatten(1) if self.pooling == "flatten" else features.mean(-1)
        levels = log_level(averages(sub_bands.square(), self.frames)).flatten(1)
        tonality = 4 * averages(measured.tonality, self.frames).flatten(1) - 1
        parts = features, levels, self.pitches(torch.cat([self.fine(clips), tonality], dim=1))
        return torch.cat([part.to(features.dtype) for part in parts], dim=1)
