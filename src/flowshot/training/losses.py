"""How far a reconstruction is from its clip: the weighted sum of the terms that `train.loss` switches on.

| term | hears | without it |
|---|---|---|
| `linear_stft` | what is loud | off by default: where a pitch is uncertain, it is smallest for what is too soft |
| `log_stft` | what is quiet, and what no mel band hears | the edge of the band is over 30 dB too loud |
| `mel` | timbre as coarsely as the ear above 1 kHz | noise costs as much as a wrong tone |
| `energy` | the level over time, silence as silence | attacks and decays are smeared |
| `loudness` | the level as loud as it is heard | off by default: no gain over `energy` |
| `transient` | rises of every frequency | off by default: no gain that stands out |
| `texture` | noise as noise and tones as tones | off by default: no gain that stands out |
| `waveform` | phase, where it can be learned | off by default: no gain |

`repulsion` makes the sum a generalized energy distance (Gritsenko et al. 2020, 2008.01160; Szekely & Rizzo 2013). A
plain distance of linear magnitudes to one recording of noise is smallest for noise that is too soft. Where half the
distance of two decoded clips of one latent is taken off, the sum is smallest in expectation for noise distributed as
that of the recordings; every term is a distance of negative type, which that needs. It asks for a decoder that draws.
Wherever it was tried FAD was worse (docs/findings.md).

With `train.loss.likelihood` the sum of these gives way to the misfit of a likelihood, in nats.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from flowshot.listening.hearing import k_weighting, mel_filters
from flowshot.training.config import LossConfig
from flowshot.training.distances import (
    energy_distance,
    linear_distance,
    log_distance,
    log_magnitude,
    loudness_distance,
    mel_distance,
    texture_distance,
    transient_distance,
    waveform_distance,
)
from flowshot.training.likelihood import misfit
from flowshot.training.spectrum import magnitude

# The terms that compare spectra; the others compare samples.
SPECTRAL = ("linear_stft", "log_stft", "mel", "loudness", "transient", "texture")


@dataclass(frozen=True)
class Heard:
    """Clips `[batch, samples]`, their magnitude spectrograms by FFT size, and the logarithms of these by floor too."""

    clips: Tensor
    spectra: dict[int, Tensor]
    logarithms: dict[tuple[int, float], Tensor]


class ReconstructionLoss(nn.Module):
    """The weighted sum of the terms that `LossConfig` names; holds windows and filters, which are made once.

    Args:
        config: weights of the terms, FFT sizes and floors.
        sample_rate: of the clips, in Hz.

    Example:
        >>> loss = ReconstructionLoss(LossConfig(), sample_rate=16000)
        >>> total, terms = loss(torch.zeros(2, 16000), torch.zeros(2, 16000))
        >>> float(total.sum())
        0.0
    """

    def __init__(self, config: LossConfig, sample_rate: int) -> None:
        super().__init__()
        self.config = config
        self.weights = {term: getattr(config, term) for term in config.TERMS if getattr(config, term) > 0}
        self.needs_spectra = any(term in self.weights for term in SPECTRAL)
        for size in config.fft_sizes:
            bands = min(config.mel_bands, size // 8)
            self.register_buffer(f"window_{size}", torch.hann_window(size), persistent=False)
            self.register_buffer(f"mel_{size}", mel_filters(bands, size, sample_rate), persistent=False)
            self.register_buffer(f"hearing_{size}", k_weighting(size, sample_rate), persistent=False)

    @property
    def needs_two(self) -> bool:
        """Whether the loss takes two decoded clips of one latent, which differ in the decoder's noise."""
        return self.config.repulsion > 0

    def forward(
        self, estimate: Tensor, target: Tensor, again: Tensor | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Total `[batch]`, and each term's unweighted mean over the batch.

        Scales that are longer than the clips are left out. With `again`, the same latents decoded with other noise,
        each term is the mean of both distances from the target, less `repulsion` times half the distance of the two.
        """
        if self.config.likelihood != "none":
            nats = misfit(estimate, target, self.config.likelihood, self.config.likelihood_scale)
            return nats, {"misfit": nats.detach().mean()}
        heard, real = self._hear(estimate), self._hear(target)
        terms = {term: self._distance(term, heard, real, real) for term in self.weights}
        if again is not None and self.config.repulsion > 0:
            other = self._hear(again)
            for term, first in terms.items():
                second, between = self._distance(term, other, real, real), self._distance(term, heard, other, real)
                terms[term] = 0.5 * (first + second - self.config.repulsion * between)
        total = torch.stack([self.weights[term] * value for term, value in terms.items()]).sum(0)
        return total, {term: value.detach().mean() for term, value in terms.items()}

    def _hear(self, clips: Tensor) -> "Heard":
        # One spectrum for each scale serves every term, and one logarithm for each floor.
        sizes = self._sizes(clips.shape[-1]) if self.needs_spectra else []
        spectra = {size: magnitude(clips, size, self.get_buffer(f"window_{size}")) for size in sizes}
        logarithms = {
            (size, floor): log_magnitude(spectrum, floor)
            for size, spectrum in spectra.items()
            for floor in self._logarithm_floors()
        }
        return Heard(clips, spectra, logarithms)

    def _logarithm_floors(self) -> set[float]:
        """The floors at which a term compares log magnitudes bin by bin."""
        floors = self.config.log_floors
        if "log_stft" in self.weights:
            return set(floors)
        return {min(floors)} if "texture" in self.weights else set()

    def _distance(self, term: str, a: "Heard", b: "Heard", scale: "Heard") -> Tensor:
        """A term's distance of `a` from `b`, `[batch]`; what is relative is relative to `scale`."""
        floors = self.config.log_floors
        if term == "energy":
            return energy_distance(a.clips, b.clips, min(floors))
        if term == "waveform":
            return waveform_distance(a.clips, b.clips, scale.clips)
        if term == "transient":
            # The shortest scale alone: the longer ones cannot tell when something rose.
            shortest = min(a.spectra)
            filters = self.get_buffer(f"mel_{shortest}")
            return transient_distance(a.spectra[shortest], b.spectra[shortest], filters, max(floors))
        values = []
        for size, spectrum in a.spectra.items():
            if term == "linear_stft":
                values.append(linear_distance(spectrum, b.spectra[size], scale.spectra[size]))
            elif term == "log_stft":
                values += [log_distance(a.logarithms[size, floor], b.logarithms[size, floor]) for floor in floors]
            elif term == "texture":
                quietest = size, min(floors)
                values.append(texture_distance(a.logarithms[quietest], b.logarithms[quietest]))
            elif term == "mel":
                filters = self.get_buffer(f"mel_{size}")
                values += [mel_distance(spectrum, b.spectra[size], filters, floor) for floor in floors]
            else:
                weighting = self.get_buffer(f"hearing_{size}")
                values.append(loudness_distance(spectrum, b.spectra[size], weighting, min(floors)))
        return torch.stack(values).mean(0)

    def _sizes(self, samples: int) -> list[int]:
        fitting = [size for size in self.config.fft_sizes if size <= samples]
        return fitting or [min(self.config.fft_sizes)]
