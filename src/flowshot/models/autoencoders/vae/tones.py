"""Steady sinusoids of given amplitudes, each at a random frequency of its own slot, as a waveform.

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
    """`tones` sinusoids a sub-band, whose frequencies part the band into slots of equal width.

    Example:
        >>> bank = ToneBank(bands=32, tones=2)
        >>> amplitudes, draws = torch.ones(3, 64, 500), torch.rand(3, 64, 2)
        >>> bank(amplitudes, draws).shape
        torch.Size([3, 16000])
    """

    carriers: Tensor

    def __init__(self, bands: int, tones: int) -> None:
        super().__init__()
        self.bands, self.tones = bands, tones
        # Not in the weights file: they follow from the number of bands.
        self.register_buffer("carriers", polyphase_kernel(_carriers(bands), bands), persistent=False)

    def forward(self, amplitudes: Tensor, draws: Tensor) -> Tensor:
        """`amplitudes: [batch, bands * tones, frames]` -> `[batch, frames * bands]`.

        Args:
            amplitudes: Of each sinusoid in each frame, from the lowest slot upwards.
            draws: `[batch, bands * tones, 2]`, uniform in [0, 1]: where in its slot each sinusoid lies, and its
                phase at the start in cycles.
        """
        slots = torch.arange(self.bands * self.tones, device=draws.device)
        # In cycles a frame; all the slots together reach half a cycle a sample, the Nyquist frequency. Whole cycles
        # make no difference at whole frames, but would cost digits: in long clips the phase would be noise.
        frequencies = ((slots + draws[..., 0]) / (2 * self.tones)).unsqueeze(-1) % 1
        frames = torch.arange(amplitudes.shape[-1], device=draws.device)
        # The modulo keeps the digits that a float has left for the fraction of a cycle.
        angles = 2 * math.pi * ((frequencies * frames + draws[..., 1:]) % 1)
        parts = torch.stack([angles.cos(), angles.sin()], dim=1) * amplitudes.unsqueeze(1)
        in_bands = parts.unflatten(2, (self.bands, self.tones)).sum(3).flatten(1, 2)
        return overlap_add(in_bands, self.carriers)


def _carriers(bands: int) -> np.ndarray:
    """Filters of the real parts of all bands, then of the imaginary ones, `[2 * bands, taps]`."""
    n = np.arange(FRAMES * bands + 1) - FRAMES * bands / 2
    low_pass = bands * kaiser_low_pass(1 / bands, FRAMES * bands, KAISER_BETA)
    angles = np.pi * (np.arange(bands)[:, None] + 0.5) / bands * n
    return np.concatenate([low_pass * np.cos(angles), -low_pass * np.sin(angles)])
