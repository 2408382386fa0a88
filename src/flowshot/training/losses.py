"""How far a reconstruction is from its clip: the weighted sum of the terms that `train.loss` switches on.

| term | hears | without it |
|---|---|---|
| `linear_stft` | what is loud | levels and pitches of the loudest partials are off |
| `log_stft` | what is quiet, down to the floors | tails hiss or are missing |
| `mel` | timbre as coarsely as the ear above 1 kHz | noise costs as much as a wrong tone |
| `energy` | the level over time, silence as silence | attacks and decays are smeared |
| `loudness` | the level as loud as it is heard | bass outweighs what the ear hears best |
| `transient` | rises of every frequency | attacks are dull |
| `waveform` | phase, where it can be learned | attacks lose their first millisecond |

With `train.loss.likelihood` the sum of these gives way to the misfit of a likelihood, in nats.
"""

import torch
from torch import Tensor, nn

from flowshot.config.training import LossConfig
from flowshot.training.distances import (
    energy_distance,
    linear_distance,
    log_distance,
    loudness_distance,
    magnitude,
    mel_distance,
    transient_distance,
    waveform_distance,
)
from flowshot.training.hearing import k_weighting, mel_filters
from flowshot.training.likelihood import misfit

# The terms that compare spectra; the others compare samples.
SPECTRAL = ("linear_stft", "log_stft", "mel", "loudness", "transient")


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

    def forward(self, estimate: Tensor, target: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Total `[batch]`, and each term's unweighted mean over the batch.

        Scales that are longer than the clips are left out.
        """
        if self.config.likelihood != "none":
            nats = misfit(estimate, target, self.config.likelihood, self.config.likelihood_scale)
            return nats, {"misfit": nats.detach().mean()}
        sizes = self._sizes(estimate.shape[-1]) if self.needs_spectra else []
        # One pair of spectra for each scale serves every term.
        spectra = {size: (self._magnitude(estimate, size), self._magnitude(target, size)) for size in sizes}
        terms = {term: self._term(term, estimate, target, spectra) for term in self.weights}
        total = torch.stack([self.weights[term] * value for term, value in terms.items()]).sum(0)
        return total, {term: value.detach().mean() for term, value in terms.items()}

    def _term(self, term: str, estimate: Tensor, target: Tensor, spectra: dict[int, tuple[Tensor, Tensor]]) -> Tensor:
        floors = self.config.log_floors
        if term == "energy":
            return energy_distance(estimate, target, min(floors))
        if term == "waveform":
            return waveform_distance(estimate, target)
        if term == "transient":
            # The shortest scale alone: the longer ones cannot tell when something rose.
            shortest = min(spectra)
            return transient_distance(*spectra[shortest], self.get_buffer(f"mel_{shortest}"), max(floors))
        values = []
        for size, (a, b) in spectra.items():
            if term == "linear_stft":
                values.append(linear_distance(a, b))
            elif term == "log_stft":
                values += [log_distance(a, b, floor) for floor in floors]
            elif term == "mel":
                values += [mel_distance(a, b, self.get_buffer(f"mel_{size}"), floor) for floor in floors]
            else:
                values.append(loudness_distance(a, b, self.get_buffer(f"hearing_{size}"), min(floors)))
        return torch.stack(values).mean(0)

    def _magnitude(self, clips: Tensor, size: int) -> Tensor:
        return magnitude(clips, size, self.get_buffer(f"window_{size}"))

    def _sizes(self, samples: int) -> list[int]:
        fitting = [size for size in self.config.fft_sizes if size <= samples]
        return fitting or [min(self.config.fft_sizes)]
