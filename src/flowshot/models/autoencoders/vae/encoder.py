"""The encoder: clips to one vector of features per clip."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from flowshot.models.autoencoders.vae.blocks import Downsample, convolution, initialise, residual_stack
from flowshot.models.autoencoders.vae.config import VAEConfig
from flowshot.models.autoencoders.vae.pqmf import PQMF

# One residual block each, in every level.
DILATIONS = (1,)
# The mu of the mu-law: levels below about -60 dB are linear.
COMPANDING = 1000.0
# Power below this, relative to full scale, is silence.
SILENT_POWER = 1e-8


def frames_of(config: VAEConfig, clip_samples: int) -> int:
    """Frames at the innermost level: the clip and the edges of the filter bank are padded to a whole number of them."""
    return math.ceil((clip_samples + 2 * PQMF.EDGE * config.bands) / (config.bands * math.prod(config.strides)))


def padding_of(config: VAEConfig, clip_samples: int) -> tuple[int, int]:
    """Zeros before and behind a clip, in samples, with which it goes through encoder and decoder."""
    padded = frames_of(config, clip_samples) * config.bands * math.prod(config.strides)
    before = PQMF.EDGE * config.bands
    return before, padded - before - clip_samples


def compand(signal: Tensor) -> Tensor:
    """The mu-law of telephony: the encoder sees a tail at -60 dB and not only the attack. Full scale becomes 4.

    Without it quiet sub-bands would be a thousand times smaller than loud ones, and their weights a thousand times
    slower to learn.
    """
    return signal.sign() * (COMPANDING * signal.abs()).log1p() * (4 / math.log1p(COMPANDING))


def log_levels(bands: Tensor, parts: int) -> Tensor:
    """Log levels of `bands: [batch, bands, frames]` over all frames, and over each of `parts` (or 0) equal parts.

    Returns `[batch, bands, 1 + parts]`, about -2 for silence (-80 dB) and 2 for full scale.
    """
    power = bands.float().square()
    levels = power.mean(-1, keepdim=True)
    if parts > 0:
        levels = torch.cat([levels, power.unflatten(-1, (parts, -1)).mean(-1)], dim=-1)
    nepers = 0.5 * (levels + SILENT_POWER).log()
    return nepers * (4 / -math.log(SILENT_POWER**0.5)) + 2


class Encoder(nn.Module):
    """Sub-bands, levels of residual blocks with downsampling between them, and pooling over time.

    Shapes: clips `[batch, samples]` -> features `[batch, self.size]`.

    With pooling `flatten` the features keep the time of events; with `mean` they are the average over frames, so the
    heads see a pooled vector and averaging does not narrow the posterior. The log levels of the sub-bands follow the
    features, over the clip and, with `flatten`, over each innermost frame: the heads need not guess how loud and how
    bright a clip is.
    """

    def __init__(self, config: VAEConfig, clip_samples: int) -> None:
        super().__init__()
        self.padding = padding_of(config, clip_samples)
        self.pooling = config.pooling
        self.bank = PQMF(config.bands)
        widths = [*config.channels, config.channels[-1]]
        layers: list[nn.Module] = [convolution(config.bands, widths[0], 7)]
        for level, stride in enumerate(config.strides):
            layers.append(residual_stack(widths[level], DILATIONS))
            layers.append(Downsample(widths[level], widths[level + 1], stride))
        self.layers = nn.Sequential(*layers, nn.SiLU())
        initialise(self.layers)
        self.frames = frames_of(config, clip_samples) if self.pooling == "flatten" else 0
        self.size = widths[-1] * max(self.frames, 1) + config.bands * (1 + self.frames)

    def forward(self, clips: Tensor) -> Tensor:
        sub_bands = self.bank.analysis(functional.pad(clips, self.padding))
        features = self.layers(compand(sub_bands))
        features = features.flatten(1) if self.pooling == "flatten" else features.mean(-1)
        levels = log_levels(sub_bands, self.frames).flatten(1).to(features.dtype)
        return torch.cat([features, levels], dim=1)
