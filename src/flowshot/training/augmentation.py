"""Augmentation of training clips on the fly, so that a small set never repeats exactly.

Every change takes clips `[batch, samples]` in [-1, 1] and returns such clips. None raises a peak, and none puts noise
where a clip was digital silence, which the decoder has to learn. How strongly each clip is changed is drawn on the CPU,
so that a seed means the same on every device.
"""

import math

import torch
from torch import Tensor

from flowshot.training.config import AugmentConfig

# Zeros behind the clips before a Fourier transform, so that what rings on past the end does not come back in front.
PADDING = 512
# Transforms are multiples of this long: a length with a large prime factor takes several times longer.
FFT_GRID = 1024
# Of the interpolation between samples; see `resample`.
OVERSAMPLING = 4
TAPS = 6
ROLL_OFF = 0.05  # part of the band that is left in which it fades out
FADE = 64  # samples at the end of a clip that was cut off there
CORNERS = (1 / 64, 1 / 2)  # of the shelf, relative to half the sample rate
# Largest gain that restores a clip's peak: its loudest part may have moved beyond the end.
LARGEST_RAISE = 4.0


def augment(clips: Tensor, config: AugmentConfig, sample_rate: int, generator: torch.Generator) -> Tensor:
    """Apply each change that is on to each of `clips: [batch, samples]` with `config.probability`.

    `clips` may be on any device and are not written to; `sample_rate` is in Hz; `generator` is on the CPU.
    """
    # In the order in which they happen to a sound: it is played, placed, and recorded.
    changes = (
        (config.speed_semitones, change_speed),
        (config.jitter_seconds * sample_rate, delay),
        (config.filter_db, shelve),
        (config.gain_db, attenuate),
        (config.polarity, lambda clips, *_: -clips),
    )
    for strength, change in changes:
        if strength:
            chosen = (torch.rand(len(clips), generator=generator) < config.probability).nonzero().squeeze(1)
            if len(chosen):
                rows = chosen.to(clips.device)
                clips = clips.index_copy(0, rows, change(clips[rows], strength, generator))
    return clips


def attenuate(clips: Tensor, decibels: float, generator: torch.Generator) -> Tensor:
    """Each clip softer by 0 to `decibels`. Never louder: clips are levelled near full scale."""
    return clips * 10 ** (_uniform(clips, -decibels, 0.0, generator) / 20)


def delay(clips: Tensor, samples: float, generator: torch.Generator) -> Tensor:
    """Each clip later by 0 to `samples` samples behind zeros. Never earlier: that would cut its attack off."""
    shift = _uniform(clips, 0.0, math.floor(samples) + 1.0, generator).long()
    source = torch.arange(clips.shape[1], device=clips.device) - shift
    return torch.where(source >= 0, clips.gather(1, source.clamp_min(0)), 0.0)


def shelve(clips: Tensor, decibels: float, generator: torch.Generator) -> Tensor:
    """Each clip through a high shelf of up to plus or minus `decibels` and a random corner, at the clip's own peak.

    First order by the bilinear transform (Zoelzer 2011, "DAFX", section 2.3), computed in the frequency domain:
    minimum phase, so that nothing sounds before an attack. A low shelf is the same except for the level.
    """
    root = 10 ** (_uniform(clips, -decibels, decibels, generator) / 40)
    low, high = map(math.log, CORNERS)
    corner = torch.tan(math.pi / 2 * _uniform(clips, low, high, generator).exp())
    size = _fft_size(clips)
    angle = torch.linspace(0, math.pi / 2, size // 2 + 1, device=clips.device)
    cosine, sine = corner * angle.cos(), angle.sin()
    response = torch.complex(cosine, root * sine) / torch.complex(cosine, sine / root)
    filtered = torch.fft.irfft(torch.fft.rfft(clips, size) * response, size)[:, : clips.shape[1]]
    return _at_peak_of(clips, _silent_as(clips, torch.arange(clips.shape[1], device=clips.device), filtered))


def change_speed(clips: Tensor, semitones: float, generator: torch.Generator) -> Tensor:
    """Each clip played faster and higher, or slower and lower, by up to `semitones`, at its own peak."""
    return resample(clips, 2 ** (_uniform(clips, -semitones, semitones, generator) / 12))


def resample(clips: Tensor, rates: Tensor) -> Tensor:
    """Each of `clips: [batch, samples]` played at its own of `rates: [batch, 1]`, cut or padded to its old length.

    Band-limited: in the frequency domain, what would lie above half the sample rate afterwards is taken out and the
    rest oversampled 4 times; there a Lagrange polynomial through 6 points (Laakso et al. 1996, "Splitting the unit
    delay") misses a sine by less than -59 dB at half the sample rate and less than -90 dB an octave below.
    """
    samples = clips.shape[1]
    size = _fft_size(clips)
    frequency = torch.linspace(0, 1, size // 2 + 1, device=rates.device) * rates
    # It fades out below what becomes half the sample rate, because an edge makes every attack ring.
    low_pass = torch.cos(math.pi / 2 * ((frequency - 1 + ROLL_OFF) / ROLL_OFF).clamp(0, 1)).square()
    spectrum = torch.fft.rfft(clips, size) * torch.where(rates > 1, low_pass, 1.0)
    # The inverse transform is longer, which pads the spectrum with zeros, and divides by its own length. The topmost
    # frequency stood for itself and its mirror image, which are apart in the longer one.
    spectrum[:, -1] *= 0.5
    fine = torch.fft.irfft(spectrum, size * OVERSAMPLING) * OVERSAMPLING
    # In float64: a clip is longer than float32 can count in fractions of a sample.
    place = torch.arange(samples, device=clips.device, dtype=torch.float64) * rates
    whole = (place * OVERSAMPLING).floor()
    changed = _interpolate(fine, whole.long(), (place * OVERSAMPLING - whole).to(clips.dtype))
    changed = _silent_as(clips, place, changed)
    ramp = torch.arange(samples - 1, -1, -1, device=clips.device, dtype=clips.dtype) / FADE
    was_cut = _sounding(clips)[1] > place[:, -1:]
    return _at_peak_of(clips, torch.where(was_cut, changed * ramp.clamp_max(1.0), changed))


def _interpolate(values: Tensor, whole: Tensor, fraction: Tensor) -> Tensor:
    """`values: [batch, n]` at `whole + fraction: [batch, samples]`."""
    result = torch.zeros_like(fraction)
    distances = {offset: fraction - offset for offset in range(1 - TAPS // 2, 1 + TAPS // 2)}
    for offset in distances:
        point = values.gather(1, (whole + offset).clamp_(0, values.shape[1] - 1))
        for other, distance in distances.items():
            if other != offset:
                point *= distance
        result += point / math.prod(offset - other for other in distances if other != offset)
    return result


def _sounding(clips: Tensor) -> tuple[Tensor, Tensor]:
    """Where the first and the last sample lie that are not zero, each `[batch, 1]`; the ends of a silent clip."""
    loud = (clips != 0).to(torch.uint8)
    return loud.argmax(1, keepdim=True), clips.shape[1] - 1 - loud.flip(1).argmax(1, keepdim=True)


def _silent_as(clips: Tensor, place: Tensor, changed: Tensor) -> Tensor:
    """`changed`, with zeros where its samples come from a `place` before or behind all sound of the clip."""
    # Filters ring on there, and the rounding of a Fourier transform is a noise at -140 dB.
    first, last = _sounding(clips)
    return torch.where((place >= first) & (place <= last), changed, 0.0)


def _at_peak_of(clips: Tensor, changed: Tensor) -> Tensor:
    """`changed`, each clip scaled to the peak that it had in `clips`."""
    peak, now = (each.abs().amax(1, keepdim=True) for each in (clips, changed))
    gain = (peak / now.clamp_min(torch.finfo(now.dtype).tiny)).clamp_max(LARGEST_RAISE)
    return (changed * gain).clamp(-1.0, 1.0)


def _uniform(clips: Tensor, low: float, high: float, generator: torch.Generator) -> Tensor:
    """A number for each clip, `[batch, 1]`, drawn on the CPU."""
    return (low + (high - low) * torch.rand(len(clips), 1, generator=generator)).to(clips)


def _fft_size(clips: Tensor) -> int:
    return math.ceil((clips.shape[1] + PADDING) / FFT_GRID) * FFT_GRID
