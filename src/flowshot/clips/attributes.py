"""Attributes of a clip: a few numbers from 0 to 1 that can be requested from a model.

Plain measures of the signal; AudioCommons' timbral models, which DrumGAN used, are others.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from flowshot.clips.batches import ordered_batches
from flowshot.clips.prepared import PreparedDataset

ASKED = "asked.csv"  # beside generated clips: the attributes that each was asked for, under their names
ATTRIBUTES = ("brightness", "attack", "noisiness", "pitch_strength", "bass")

LOWEST_HERTZ, BASS_HERTZ = 50.0, 200.0
PITCH_HERTZ = (50.0, 1000.0)
WINDOW_SECONDS = 0.032
SHORTEST_ATTACK = 0.001  # seconds
FLATTEST_DB = -60.0  # the spectral flatness that counts as none
TINY = 1e-12
BATCH_SIZE = 64
HEARD = 1e-4  # part of a clip's power below which a piece of it has no pitch: float32 sums would be rounding noise
NEAREST = 32  # of known rows, those most like what is asked for give what is not asked for


@torch.no_grad()
def attributes(clips: Tensor, sample_rate: int) -> Tensor:
    """The `ATTRIBUTES` of `clips: [batch, samples]`, `[batch, 5]` in [0, 1].

    * brightness: the centroid of the power spectrum, on a logarithmic scale from 50 Hz to half the sample rate;
    * attack: the time from a tenth to nine tenths of the peak, on a logarithmic scale from 1 ms to the clip's length;
    * noisiness: the spectral flatness of each frame, weighted by its power, from -60 to 0 dB;
    * pitch_strength: the highest normalised autocorrelation at a period from 50 to 1,000 Hz, after the first dip;
    * bass: the share of the power below 200 Hz.

    For a silent clip the numbers are finite and mean nothing.
    """
    clips = clips.float()
    power = _power(clips, sample_rate)
    spectrum = power.sum(2)
    hertz = torch.linspace(0, sample_rate / 2, power.shape[1], device=clips.device)
    total = spectrum.sum(1) + TINY
    centroid = (spectrum * hertz).sum(1) / total
    brightness = (centroid / LOWEST_HERTZ).clamp(min=1).log() / math.log(sample_rate / 2 / LOWEST_HERTZ)
    bass = spectrum[:, hertz < BASS_HERTZ].sum(1) / total
    found = (
        brightness, _attack(clips, sample_rate), _noisiness(power), _pitch_strength(clips, sample_rate), bass,
    )  # fmt: skip
    return torch.stack(found, 1).clamp(0, 1)


def attributes_of(clips: np.ndarray, sample_rate: int) -> Tensor:
    """The `ATTRIBUTES` of all of `clips: [n, samples]`, `[n, 5]`, a batch at a time."""
    return torch.cat([attributes(batch, sample_rate) for batch in ordered_batches(clips, BATCH_SIZE)])


def training_attributes(dataset: PreparedDataset) -> tuple[Tensor, Tensor]:
    """Those of training and validation clips, measured here, so that older prepared sets need not have them."""
    train, valid = (attributes_of(dataset.clips(split), dataset.sample_rate) for split in ("train", "valid"))
    return train, valid


def draw_rows(
    known: Tensor, names: Sequence[str], count: int, generator: torch.Generator, asked: Mapping[str, float] | None
) -> Tensor:
    """`count` of the rows `known: [rows, names]`, the ones most like what is `asked`, with what is asked."""
    if asked:
        columns = [names.index(name) for name in asked]
        wanted = known.new_tensor(list(asked.values()))
        known = known[(known[:, columns] - wanted).square().sum(1).argsort(stable=True)[:NEAREST]]
        known[:, columns] = wanted
    return known[torch.randint(len(known), (count,), generator=generator, device=generator.device)]


def _power(clips: Tensor, sample_rate: int) -> Tensor:
    """Power spectrogram `[batch, bins, frames]`."""
    window = 2 ** round(math.log2(min(WINDOW_SECONDS * sample_rate, clips.shape[1])))
    shape = torch.hann_window(window, device=clips.device)
    return torch.stft(clips, window, window // 2, window=shape, pad_mode="constant", return_complex=True).abs().square()


def _attack(clips: Tensor, sample_rate: int) -> Tensor:
    level = clips.abs()
    peak = level.amax(1, keepdim=True).clamp(min=TINY)
    begin, end = ((level >= share * peak).int().argmax(1) for share in (0.1, 0.9))
    seconds = (end - begin) / sample_rate
    return (seconds / SHORTEST_ATTACK).clamp(min=1).log() / math.log(
        max(clips.shape[1] / sample_rate / SHORTEST_ATTACK, 1 + TINY)
    )


def _noisiness(power: Tensor) -> Tensor:
    weight = power.mean(1)
    flatness = 10 * ((power + TINY).log10().mean(1) - (weight + TINY).log10())
    mean = (flatness * weight).sum(1) / (weight.sum(1) + TINY)
    return torch.where(weight.sum(1) > TINY, 1 - mean / FLATTEST_DB, torch.zeros_like(mean))


def _pitch_strength(clips: Tensor, sample_rate: int) -> Tensor:
    samples = clips.shape[1]
    shortest, longest = (round(sample_rate / hertz) for hertz in reversed(PITCH_HERTZ))
    longest = min(longest, samples // 2)
    correlation = torch.fft.irfft(torch.fft.rfft(clips, 2 * samples).abs().square())[:, : longest + 1]
    energy = torch.nn.functional.pad(clips.square().cumsum(1), (1, 0))
    lags = torch.arange(longest + 1, device=clips.device)
    # Of the part before the last `lag` samples, and of the part behind the first ones: what was multiplied.
    before, behind = energy[:, samples - lags], energy[:, -1:] - energy[:, lags]
    normalised = correlation / (before * behind).clamp(min=TINY).sqrt()
    dipped = (normalised < 0).int().cummax(1).values.bool() & (lags >= shortest)
    heard = torch.minimum(before, behind) > HEARD * energy[:, -1:]
    return normalised.masked_fill(~(dipped & heard), 0).amax(1)
