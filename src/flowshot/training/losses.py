"""How far a reconstruction is from its clip. Pure functions of tensors `[batch, samples]` -> `[batch]`."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from flowshot.config import LossConfig

# Frames of the low-level energy term: 16 ms at 16 kHz, half overlapping.
ENERGY_FRAME = 256
ENERGY_HOP = 128
EPSILON = 1e-7


def magnitude(clips: Tensor, fft_size: int, window: Tensor) -> Tensor:
    """Magnitude spectrogram `[batch, fft_size // 2 + 1, frames]`; a full-scale sine reads about 1."""
    spectrum = torch.stft(clips, fft_size, fft_size // 4, window=window, return_complex=True, pad_mode="constant")
    power = spectrum.real.square() + spectrum.imag.square()
    # The root's slope is infinite at 0, where a silent clip is.
    return (power + EPSILON**2).sqrt() * (2 / window.sum())


def linear_distance(estimate: Tensor, target: Tensor) -> Tensor:
    """Distance of magnitudes relative to the target's, `[batch]`: it hears what is loud.

    Spectral convergence (Arik et al. 2018, 1808.06719, equation 1): a root of squares, so that a decoder that does
    not know yet where the energy lies does best with its mean. With absolute differences it does best with the
    median, which is silence, and stays there.
    """
    error = (estimate - target).square().sum((1, 2))
    return ((error + EPSILON) / (target.square().sum((1, 2)) + EPSILON)).sqrt()


def log_distance(estimate: Tensor, target: Tensor, floor: float) -> Tensor:
    """Mean distance of log magnitudes in nepers, `[batch]`: it hears what is quiet, down to `floor`."""
    return ((estimate + floor).log() - (target + floor).log()).abs().mean((1, 2))


def energy_distance(estimate: Tensor, target: Tensor, floor: float) -> Tensor:
    """Mean distance of log frame levels in nepers, `[batch]`: attacks, decays, and silence as silence."""
    return (_log_level(estimate, floor) - _log_level(target, floor)).abs().mean(-1)


def waveform_distance(estimate: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of samples relative to the target's, `[batch]`: it ties phase at the attack."""
    return (estimate - target).abs().mean(-1) / (target.abs().mean(-1) + 1e-3)


def _log_level(clips: Tensor, floor: float) -> Tensor:
    # Frames by pooling the squares, because it is cheaper than unfolding the waveform.
    frame = min(ENERGY_FRAME, clips.shape[-1])
    power = functional.avg_pool1d(clips.square().unsqueeze(1), frame, ENERGY_HOP, ceil_mode=True).squeeze(1)
    return 0.5 * (power + floor**2).log()


class ReconstructionLoss(nn.Module):
    """The weighted sum of the terms that `LossConfig` names; holds the windows, which are made once.

    Example:
        >>> loss = ReconstructionLoss(LossConfig())
        >>> total, terms = loss(torch.zeros(2, 16000), torch.zeros(2, 16000))
        >>> float(total.sum())
        0.0
    """

    def __init__(self, config: LossConfig) -> None:
        super().__init__()
        self.config = config
        for size in config.fft_sizes:
            self.register_buffer(f"window_{size}", torch.hann_window(size), persistent=False)

    def forward(self, estimate: Tensor, target: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Total `[batch]`, and each term's unweighted mean over the batch.

        Scales that are longer than the clips are left out.
        """
        config = self.config
        terms: dict[str, Tensor] = {}
        spectra = list(self._spectra(estimate, target)) if config.linear_stft or config.log_stft else []
        if config.linear_stft:
            terms["linear_stft"] = torch.stack([linear_distance(a, b) for a, b in spectra]).mean(0)
        if config.log_stft:
            terms["log_stft"] = torch.stack([log_distance(a, b, config.log_floor) for a, b in spectra]).mean(0)
        if config.energy:
            terms["energy"] = energy_distance(estimate, target, config.log_floor)
        if config.waveform:
            terms["waveform"] = waveform_distance(estimate, target)
        total = torch.stack([getattr(config, name) * term for name, term in terms.items()]).sum(0)
        return total, {name: term.detach().mean() for name, term in terms.items()}

    def _spectra(self, estimate: Tensor, target: Tensor) -> list[tuple[Tensor, Tensor]]:
        length = estimate.shape[-1]
        sizes = [size for size in self.config.fft_sizes if size <= length] or [min(self.config.fft_sizes)]
        windows = [(size, getattr(self, f"window_{size}")) for size in sizes]
        return [(magnitude(estimate, size, w), magnitude(target, size, w)) for size, w in windows]
