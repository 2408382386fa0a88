"""Distances of clips `[batch, samples]`, or of the logarithms of their spectrograms `[batch, bins, frames]`."""

from torch import Tensor
from torch.nn import functional

# Levels and magnitudes below this (-80 dB of full scale) count as silence.
FLOOR = 1e-4
# Frames of the energy term: 16 ms at 16 kHz, half overlapping.
ENERGY_FRAME = 256
ENERGY_HOP = 128


def log_magnitude(spectrum: Tensor) -> Tensor:
    """log(magnitude + FLOOR) in nepers."""
    return (spectrum + FLOOR).log()


def log_distance(log_estimate: Tensor, log_target: Tensor) -> Tensor:
    """Mean distance of log magnitudes in nepers, `[batch]`: it hears what is quiet, down to the floor."""
    return (log_estimate - log_target).abs().mean((1, 2))


def mel_distance(estimate: Tensor, target: Tensor, filters: Tensor) -> Tensor:
    """Mean distance of log mel magnitudes in nepers, `[batch]`, of magnitudes; `filters: [bands, bins]`.

    Magnitudes are averaged within a band before they are compared: noise, whose single bins are random, costs little
    once its level in the band is right.
    """
    return log_distance(log_magnitude(filters @ estimate), log_magnitude(filters @ target))


def energy_distance(estimate: Tensor, target: Tensor) -> Tensor:
    """Mean distance of log frame levels of clips in nepers, `[batch]`: attacks, decays, and silence as silence."""
    return (_log_level(estimate) - _log_level(target)).abs().mean(-1)


def _log_level(clips: Tensor) -> Tensor:
    # Frames by pooling the squares, because it is cheaper than unfolding the waveform.
    frame = min(ENERGY_FRAME, clips.shape[-1])
    power = functional.avg_pool1d(clips.square().unsqueeze(1), frame, ENERGY_HOP, ceil_mode=True).squeeze(1)
    return 0.5 * (power + FLOOR**2).log()
