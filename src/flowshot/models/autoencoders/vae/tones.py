"""Steady sinusoids of given amplitudes, one in each sub-band at a random frequency, as a waveform.

Additive synthesis (Serra & Smith 1990, "Spectral modeling synthesis", Computer Music Journal 14(4)) at the rate of
sub-bands: each band has complex amplitudes, `bands` times slower than the waveform, and one filter a band with the
band's centre as carrier brings them up. Complex, because a tone of a real sub-band has a mirror image where two meet.
"""

import math

import numpy as np
import torch
from torch import Tensor, nn

from flowshot.models.autoencoders.vae.pqmf import kaiser_low_pass, overlap_add, polyphase_kernel

# Filter length in frames, and the window's shape: the error of a tone lies 60 dB below it, 44 dB where two bands meet.
FRAMES = 8
KAISER_BETA = 7.0


class ToneBank(nn.Module):
    """One sinusoid in each sub-band, which may move within it."""

    carriers: Tensor

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.bands = bands
        # Not in the weights file: they follow from the number of bands.
        self.register_buffer("carriers", polyphase_kernel(_carriers(bands), bands), persistent=False)

    def forward(self, amplitudes: Tensor, places: Tensor, phases: Tensor) -> Tensor:
        """`amplitudes: [batch, bands, frames]` -> `[batch, frames * bands]`.

        Args:
            amplitudes: of each sinusoid in each frame, from the lowest band upwards.
            places: where in its band each sinusoid lies, 0 to 1 from the lower edge, `[batch, bands, frames]`.
            phases: at the start, in cycles, `[batch, bands]`.
        """
        bands = torch.arange(self.bands, device=places.device).unsqueeze(-1)
        # In cycles a frame; a band is half a cycle wide. Whole cycles make no difference at whole frames. In double
        # precision, or the phase would be noise at the end of a long clip.
        frequencies = (bands % 2 + places.double()) / 2
        angles = 2 * math.pi * ((frequencies.cumsum(-1) - frequencies + phases.unsqueeze(-1)) % 1).float()
        parts = torch.stack([angles.cos(), angles.sin()], dim=1) * amplitudes.unsqueeze(1)
        return overlap_add(parts.flatten(1, 2), self.carriers)


def _carriers(bands: int) -> np.ndarray:
    """Filters of the real parts of all bands, then of the imaginary ones, `[2 * bands, taps]`."""
    n = np.arange(FRAMES * bands + 1) - FRAMES * bands / 2
    low_pass = bands * kaiser_low_pass(1 / bands, FRAMES * bands, KAISER_BETA)
    angles = np.pi * (np.arange(bands)[:, None] + 0.5) / bands * n
    return np.concatenate([low_pass * np.cos(angles), -low_pass * np.sin(angles)])
