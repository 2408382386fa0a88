"""Distances of clips `[batch, samples]` or of their spectrograms `[batch, bins, frames]`, magnitudes or logarithms."""

from torch import Tensor
from torch.nn import functional

# Frames of the low-level energy term: 16 ms at 16 kHz, half overlapping.
ENERGY_FRAME = 256
ENERGY_HOP = 128
EPSILON = 1e-7
# Frames over which the texture term compares variations: 64 ms of the FFT of 512 at 16 kHz.
TEXTURE_FRAMES = 8


def log_magnitude(spectrum: Tensor, floor: float) -> Tensor:
    """log(magnitude + floor) in nepers: what lies well below `floor` counts as silence."""
    return (spectrum + floor).log()


def linear_distance(estimate: Tensor, target: Tensor, scale: Tensor | None = None) -> Tensor:
    """Distance of magnitudes relative to the target's (or those of `scale`), `[batch]`: it hears what is loud.

    Spectral convergence (Arik et al. 2018, 1808.06719, equation 1): a root of squares, so that a decoder that does
    not know yet where the energy lies does best with its mean. With absolute differences it does best with the
    median, which is silence, and stays there.
    """
    error = (estimate - target).square().sum((1, 2))
    power = (target if scale is None else scale).square().sum((1, 2))
    return ((error + EPSILON) / (power + EPSILON)).sqrt()


def log_distance(log_estimate: Tensor, log_target: Tensor) -> Tensor:
    """Mean distance of log magnitudes in nepers, `[batch]`: it hears what is quiet, down to their floor."""
    return (log_estimate - log_target).abs().mean((1, 2))


def mel_distance(estimate: Tensor, target: Tensor, filters: Tensor, floor: float) -> Tensor:
    """Mean distance of log mel magnitudes in nepers, `[batch]`; `filters: [bands, bins]`.

    Magnitudes are averaged within a band before they are compared: noise, whose single bins are random, costs
    little once its level in the band is right.
    """
    return log_distance(log_magnitude(filters @ estimate, floor), log_magnitude(filters @ target, floor))


def loudness_distance(estimate: Tensor, target: Tensor, weighting: Tensor, floor: float) -> Tensor:
    """Mean distance of the log levels of frames in nepers, `[batch]`, each bin weighted by hearing: `[bins]`."""
    levels = [
        0.5 * ((spectrum * weighting[:, None]).square().sum(1) + floor**2).log() for spectrum in (estimate, target)
    ]
    return (levels[0] - levels[1]).abs().mean(-1)


def transient_distance(estimate: Tensor, target: Tensor, filters: Tensor, floor: float) -> Tensor:
    """Mean distance of rises of log mel magnitude from frame to frame, in nepers, `[batch]`.

    Rises alone, as in the spectral flux of onset detectors (Bello et al. 2005, "A tutorial on onset detection in
    music signals", section III): a decay that is a little faster or slower is no fault of the attack. In bands,
    `filters: [bands, bins]`, because the single bins of noise rise and fall at random.
    """
    rises = [log_magnitude(filters @ spectrum, floor).diff(dim=-1).relu() for spectrum in (estimate, target)]
    # A single frame has no rise; the sum over nothing is 0, its mean would be no number.
    return (rises[0] - rises[1]).abs().sum((1, 2)) / max(1, rises[0][0].numel())


def texture_distance(log_estimate: Tensor, log_target: Tensor) -> Tensor:
    """Mean distance of how much log magnitudes vary from frame to frame, in nepers, `[batch]`.

    The magnitudes of noise vary by a constant (their logarithm has a standard deviation of pi / sqrt(24), that of a
    Rayleigh distribution), those of a steady tone do not. The other terms prefer a tone of the right level to noise of
    the right level, because noise is never where the target's is.
    """
    return (_variation(log_estimate) - _variation(log_target)).abs().mean((1, 2))


def energy_distance(estimate: Tensor, target: Tensor, floor: float) -> Tensor:
    """Mean distance of log frame levels in nepers, `[batch]`: attacks, decays, and silence as silence."""
    return (_log_level(estimate, floor) - _log_level(target, floor)).abs().mean(-1)


def waveform_distance(estimate: Tensor, target: Tensor, scale: Tensor | None = None) -> Tensor:
    """Mean absolute difference of samples relative to the target's (or those of `scale`), `[batch]`.

    It ties phase at the attack.
    """
    return (estimate - target).abs().mean(-1) / ((target if scale is None else scale).abs().mean(-1) + 1e-3)


def _variation(logarithm: Tensor) -> Tensor:
    """Standard deviation of log magnitudes over runs of frames, `[batch, bins, runs]`."""
    frames = min(TEXTURE_FRAMES, logarithm.shape[-1])
    moments = [functional.avg_pool1d(power, frames, max(1, frames // 2)) for power in (logarithm, logarithm.square())]
    # The root's slope is infinite at 0, where silence is.
    return (functional.relu(moments[1] - moments[0].square()) + EPSILON).sqrt()


def _log_level(clips: Tensor, floor: float) -> Tensor:
    # Frames by pooling the squares, because it is cheaper than unfolding the waveform.
    frame = min(ENERGY_FRAME, clips.shape[-1])
    power = functional.avg_pool1d(clips.square().unsqueeze(1), frame, ENERGY_HOP, ceil_mode=True).squeeze(1)
    return 0.5 * (power + floor**2).log()
