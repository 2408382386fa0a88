"""Tone or noise, and at which frequency: measured in each slot of a clip, one sub-band for 8 frames."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

SLOT_FRAMES = 8  # of the filter bank's frames, each as many samples as there are bands
WINDOW_SLOTS = 4  # of the spectrum
BINS = WINDOW_SLOTS * SLOT_FRAMES // 2  # of that spectrum, in a sub-band
# A slot is a tone where its tonality is above this. White noise reaches it in 3 % of the slots.
TONE = 0.25
# Magnitudes below this (-80 dB of a full-scale sine) count as silence.
FLOOR = 1e-4


@dataclass(frozen=True)
class Slots:
    """What stands in each slot, three tensors `[batch, bands, slots]`.

    `tonality` is near 1 for a steady sine and near 0 for noise; `place` says where in the sub-band the strongest
    partial lies, 0 to 1 from the lower edge; `level` how loud it is, from 0 for silence (-80 dB) to 1 for full scale.
    """

    tonality: Tensor
    place: Tensor
    level: Tensor

    def gate_at_frames(self, frames: int) -> Tensor:
        """1 for a tone and 0 for noise, in each of the filter bank's `frames`; a slot fades into the next."""
        hard = (self.tonality > TONE).float()
        return functional.interpolate(hard, scale_factor=float(SLOT_FRAMES), mode="linear")[..., :frames]

    def places_at_frames(self, frames: int) -> Tensor:
        """`place` in each of the filter bank's `frames`."""
        return self.place.repeat_interleave(SLOT_FRAMES, dim=-1)[..., :frames]


@torch.no_grad()
def measure(clips: Tensor, bands: int) -> Slots:
    """Measure `clips: [batch, samples]`; the last slot may reach beyond the end.

    The phase of a partial moves by 2 pi f t, that of noise moves anywhere. So the frequency at which the strongest
    local maximum of the spectrum stands predicts the phase some time later, and how well it does is the tonality
    (Duxbury et al. 2001, "Separation of transient information in musical audio using multiresolution analysis
    techniques"): from a quarter of a window before to a quarter after, and from half a window before to half after,
    in the three bins of the maximum, averaged over three slots.
    """
    hop = SLOT_FRAMES * bands
    size, beyond = WINDOW_SLOTS * hop, WINDOW_SLOTS // 2
    margin = size // 2 - hop // 2 + beyond * hop
    window = torch.hann_window(size, device=clips.device)
    frames = functional.pad(clips.float(), (margin, margin + -clips.shape[-1] % hop)).unfold(-1, size, hop) * window
    # [batch, slots and `beyond` on either side, bins]
    real, imaginary = (torch.view_as_real(torch.fft.rfft(frames)) * (2 / window.sum())).unbind(-1)
    slots = real.shape[1] - 2 * beyond
    power = real.square() + imaginary.square()
    now = power[:, beyond:-beyond]
    bins = _strongest(now, bands)
    low, centre, high = (now.gather(-1, bins + shift).clamp_min(1e-20).log() for shift in (-1, 0, 1))
    # The parabola through the logarithms of three bins.
    frequency = bins + (0.5 * (low - high) / (low - 2 * centre + high).clamp_max(-1e-6)).clamp(-0.5, 0.5)
    agreements = []
    for apart in (beyond // 2, beyond):
        before, after = (slice(beyond + shift, beyond + shift + slots) for shift in (-apart, apart))
        cosine = real[:, before] * real[:, after] + imaginary[:, before] * imaginary[:, after]
        sine = real[:, before] * imaginary[:, after] - imaginary[:, before] * real[:, after]
        found = _around(cosine, bins), _around(sine, bins)
        largest = (_around(power[:, before], bins) * _around(power[:, after], bins)).clamp_min(1e-20).sqrt()
        turn = 2 * math.pi * ((frequency * (2 * apart / WINDOW_SLOTS)) % 1)
        agreements.append(((found[0] * turn.cos() + found[1] * turn.sin()) / largest).clamp_min(0))
    steady = functional.avg_pool1d((agreements[0] * agreements[1]).transpose(1, 2), 3, 1, 1, count_include_pad=False)
    place = (frequency / BINS - torch.arange(bands, device=clips.device)).clamp(0, 1)
    level = (centre / (-2 * math.log(FLOOR)) + 1).clamp(0, 1)
    return Slots(steady, place.transpose(1, 2), level.transpose(1, 2))


def _strongest(power: Tensor, bands: int) -> Tensor:
    """The bin of the strongest local maximum in each sub-band: `[batch, slots, bins]` -> `[batch, slots, bands]`."""
    inner = power[..., 1:-1]
    peaks = inner * ((inner >= power[..., :-2]) & (inner >= power[..., 2:]))
    offsets = functional.pad(peaks, (1, 0)).unflatten(-1, (bands, BINS)).argmax(-1)
    return (offsets + BINS * torch.arange(bands, device=power.device)).clamp_min(1)


def _around(values: Tensor, bins: Tensor) -> Tensor:
    """The sum of `values: [batch, slots, bins]` over each of `bins` and its two neighbours."""
    three = values[..., :-2] + values[..., 1:-1] + values[..., 2:]
    return three.gather(-1, (bins - 1).clamp_max(three.shape[-1] - 1))
