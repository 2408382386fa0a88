"""The encoder: clips to one vector of features per clip."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from flowshot.models.autoencoders.vae.blocks import Downsample, activation, initialise, residual_stack
from flowshot.models.autoencoders.vae.config import VAEConfig
from flowshot.models.autoencoders.vae.pqmf import PQMF

# The mu of the mu-law: levels below about -60 dB are linear.
COMPANDING = 1000.0
# Of full scale; levels below are silence.
SILENT_POWER = 1e-8


def front_stride(config: VAEConfig) -> int:
    """Samples per frame behind the front end."""
    return config.bands if config.front_end == "pqmf" else 1


def frames_of(config: VAEConfig, clip_samples: int) -> int:
    """Frames at the innermost level: the clip is padded up to a whole number of them."""
    return math.ceil(clip_samples / (front_stride(config) * math.prod(config.strides)))


def padded_samples(config: VAEConfig, clip_samples: int) -> int:
    """Length to which clips are padded with zeros before the encoder, and which the decoder makes."""
    return frames_of(config, clip_samples) * front_stride(config) * math.prod(config.strides)


def compand(signal: Tensor) -> Tensor:
    """The mu-law of telephony: the encoder sees a tail at -60 dB and not only the attack. Full scale becomes 4.

    Quiet sub-bands would else be a thousand times smaller than loud ones, and their weights a thousand times slower
    to learn.
    """
    return signal.sign() * (COMPANDING * signal.abs()).log1p() * (4 / math.log1p(COMPANDING))


def log_levels(bands: Tensor, stretches: int) -> Tensor:
    """Log levels of `bands: [batch, bands, frames]` over all frames and over each of `stretches` (or 0) equal parts.

    `[batch, bands, 1 + stretches]`, about -2 for silence (-80 dB) and 2 for full scale.
    """
    power = bands.float().square()
    levels = power.mean(-1, keepdim=True)
    if stretches > 0:
        levels = torch.cat([levels, power.unflatten(-1, (stretches, -1)).mean(-1)], dim=-1)
    nepers = 0.5 * (levels + SILENT_POWER).log()
    return nepers * (4 / -math.log(SILENT_POWER**0.5)) + 2


class Encoder(nn.Module):
    """Front end, levels of residual blocks with downsampling between them, and pooling over time.

    Shapes: clips `[batch, samples]` -> features `[batch, self.size]`. With pooling `flatten` the features keep
    the time of events; with `mean` they are the average over frames, so the heads see a pooled vector and the
    posterior's width is not narrowed by averaging afterwards. With `levels` the log levels of the sub-bands come
    behind them, over the clip and, where the time of events is kept, over each innermost frame: how loud and how bright
    a clip is, the heads need not guess.
    """

    def __init__(self, config: VAEConfig, clip_samples: int) -> None:
        super().__init__()
        self.padding = padded_samples(config, clip_samples) - clip_samples
        self.pooling = config.pooling
        self.bank = PQMF(config.bands) if config.front_end == "pqmf" else None
        widths = [*config.channels, config.channels[-1]]
        layers: list[nn.Module] = [nn.Conv1d(front_stride(config), widths[0], 7, padding=3)]
        for level, stride in enumerate(config.strides):
            layers.append(
                residual_stack(widths[level], config.kernel_size, config.encoder_dilations, config.activation)
            )
            layers.append(Downsample(widths[level], widths[level + 1], stride, config.activation))
        self.layers = nn.Sequential(*layers, activation(config.activation, widths[-1]))
        initialise(self.layers)
        self.frames = frames_of(config, clip_samples) if self.pooling == "flatten" else 0
        self.size = widths[-1] * max(self.frames, 1)
        self.levels = config.levels
        if self.levels:
            self.size += front_stride(config) * (1 + self.frames)

    def forward(self, clips: Tensor) -> Tensor:
        clips = functional.pad(clips, (0, self.padding))
        frames = clips.unsqueeze(1) if self.bank is None else self.bank.analysis(clips)
        features = self.layers(compand(frames))
        features = features.flatten(1) if self.pooling == "flatten" else features.mean(-1)
        if self.levels:
            features = torch.cat([features, log_levels(frames, self.frames).flatten(1).to(features.dtype)], dim=1)
        return features
