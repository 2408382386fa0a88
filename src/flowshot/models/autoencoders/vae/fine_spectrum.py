"""The spectrum of a clip, fine enough to tell one note from the next, in log levels."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

QUARTERS = 4  # of a clip: at 16 kHz a quarter of a second has a bin every 4 Hz
BANDS_AN_OCTAVE, OCTAVES = 24, 7.5  # below the Nyquist frequency
SILENT_POWER = 1e-8  # relative to full scale: below, a sound is silent


def log_level(power: Tensor) -> Tensor:
    """The logarithm of `power`: about -2 for silence (-80 dB) and 2 for full scale."""
    return (power + SILENT_POWER).log() * (4 / -math.log(SILENT_POWER)) + 2


class FineSpectrum(nn.Module):
    """Log levels of each quarter of a clip in bands of half a semitone, from 44 Hz to 8 kHz at 16 kHz.

    Shapes: `[batch, samples]` -> `[batch, self.size]`.
    """

    filters: Tensor
    window: Tensor

    def __init__(self, samples: int) -> None:
        super().__init__()
        self.length = samples // QUARTERS
        bins = torch.arange(1, self.length // 2 + 1, dtype=torch.float64)
        places = ((bins / bins[-1]).log2() + OCTAVES) * BANDS_AN_OCTAVE
        bands = torch.arange(math.ceil(OCTAVES * BANDS_AN_OCTAVE) + 1, dtype=torch.float64).unsqueeze(-1)
        filters = (1 - (places - bands).abs()).clamp_min(0)
        # A band between two bins takes the nearest one.
        nearest = functional.one_hot((places - bands).abs().argmin(1), len(bins)).to(filters)
        filters = torch.where(filters.sum(1, keepdim=True) > 0.5, filters, nearest)
        self.size = QUARTERS * len(bands)
        # Not in the weights file: they follow from the length of the clip.
        self.register_buffer("filters", (filters / filters.sum(1, keepdim=True)).T.float(), persistent=False)
        self.register_buffer("window", torch.hann_window(self.length), persistent=False)

    def forward(self, clips: Tensor) -> Tensor:
        quarters = clips.float().unfold(-1, self.length, self.length)[:, :QUARTERS] * self.window
        magnitudes = torch.view_as_real(torch.fft.rfft(quarters)).norm(dim=-1)[..., 1:] * (2 / self.window.sum())
        return log_level(magnitudes.square() @ self.filters).flatten(1)
