"""The configuration of DrumGAN."""

from dataclasses import dataclass
from typing import Literal

from flowshot.core.errors import FlowshotError
from flowshot.core.sections import Section, require

MOST_PADDING = 1.25  # times the clip's length


@dataclass(frozen=True)
class DrumganConfig(Section):
    """Spectrogram, networks and growth of DrumGAN.

    `widths` are the channels of each scale, from the smallest. Every scale but the last takes an equal part of the
    steps; the last one takes `last_share` of them. A new scale is faded in over `fade_share` of its steps.
    `condition: attributes` lets clips be asked for by `flowshot.clips.attributes`, and `attribute_weight` is that of
    obeying in the loss. `average` is the decay of the weights' moving average.
    """

    fft_size: int
    hop: int
    latent_size: int
    widths: tuple[int, ...]
    condition: Literal["none", "attributes"]
    attribute_weight: float
    last_share: float
    fade_share: float
    average: float

    def __post_init__(self) -> None:
        require(
            self.fft_size >= 4 and 0 < self.hop <= self.fft_size // 2,
            "hop must be above 0 and at most half of fft_size",
        )
        require(self.latent_size > 0 and len(self.widths) > 0 and min(self.widths) > 0, "sizes must be above 0")
        require(
            0 < self.last_share <= 1 and 0 <= self.fade_share <= 1, "last_share and fade_share must lie between 0 and 1"
        )
        require(0 <= self.average < 1, "average must be at least 0 and below 1")
        require(self.attribute_weight >= 0, "attribute_weight must not be negative")

    @property
    def halvings(self) -> int:
        """How many times smaller than a spectrogram the smallest scale is."""
        return int(2 ** (len(self.widths) - 1))

    @property
    def bins(self) -> int:
        """Frequencies of a spectrogram, without the constant."""
        return self.fft_size // 2


def frames_of(samples: int, hop: int, halvings: int) -> int:
    """Frames of a clip, rounded up to a multiple of `halvings`."""
    return -(-(samples // hop + 1) // halvings) * halvings


def padded_samples(samples: int, hop: int, halvings: int) -> int:
    """The length of the clip that has these frames."""
    return max(samples, (frames_of(samples, hop, halvings) - 1) * hop)


def check_drumgan(name: str, config: DrumganConfig, clip_samples: int, sample_rate: int) -> None:
    """Raise FlowshotError if spectrograms of such clips cannot be halved often enough; says what would fit."""
    scales, unit = len(config.widths), 2 * config.halvings
    if config.fft_size % unit:
        fitting = max(1, round(config.fft_size / unit)) * unit
        raise FlowshotError(
            f"{name}: fft_size {config.fft_size} gives {config.bins} frequencies, which {scales} scales cannot halve "
            f"{scales - 1} times; use {fitting}"
        )
    if config.fft_size > clip_samples:
        raise FlowshotError(
            f"{name}: fft_size {config.fft_size} is longer than clips of {clip_samples} samples; lower it"
        )
    if padded_samples(clip_samples, config.hop, config.halvings) > MOST_PADDING * clip_samples:
        hops = [
            hop
            for hop in range(1, config.fft_size // 2 + 1)
            if padded_samples(clip_samples, hop, config.halvings) <= MOST_PADDING * clip_samples
        ]
        remedy = f"use a hop of {min(hops, key=lambda hop: abs(hop - config.hop))}" if hops else "use fewer widths"
        raise FlowshotError(
            f"{name}: hop {config.hop} gives clips of {clip_samples} samples {clip_samples // config.hop + 1} frames, "
            f"far from a multiple of {config.halvings}, which {scales} scales need; {remedy}"
        )
