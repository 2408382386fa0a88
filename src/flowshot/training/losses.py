"""How far a reconstruction is from its clip: the weighted sum of the terms that `train.loss` switches on.

| term | is sensitive to | without it |
|---|---|---|
| `log_stft` | what is quiet, and what no mel band shows | the top of the band comes out over 30 dB too loud |
| `mel` | timbre as coarsely as the ear above 1 kHz | noise costs as much as a wrong tone |
| `energy` | the level over time, silence as silence | attacks and decays are smeared |

reports/checks/removed.md has the terms that were tried and removed. With `train.loss.likelihood` the misfit of a
likelihood, in nats, replaces the sum.
"""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from flowshot.training.config import LossConfig
from flowshot.training.distances import energy_distance, log_distance, log_magnitude, mel_distance
from flowshot.training.likelihood import misfit
from flowshot.training.spectrum import magnitude, mel_filters

MEL_BANDS = 64  # at most; a short FFT has fewer


class ReconstructionLoss(nn.Module):
    """The weighted sum of the terms that `config` names, for clips at `sample_rate` (Hz).

    Holds windows and filters, which are made once.
    """

    def __init__(self, config: LossConfig, sample_rate: int) -> None:
        super().__init__()
        self.config = config
        self.weights = {term: getattr(config, term) for term in config.TERMS if getattr(config, term) > 0}
        for size in config.fft_sizes:
            filters = mel_filters(min(MEL_BANDS, size // 8), size, sample_rate)
            self.register_buffer(f"window_{size}", torch.hann_window(size), persistent=False)
            self.register_buffer(f"mel_{size}", filters, persistent=False)

    def forward(self, estimate: Tensor, target: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Of clips `[batch, samples]`: the total, `[batch]`, and each term's unweighted mean over the batch.

        FFT sizes that are longer than the clips are left out.
        """
        if self.config.likelihood != "none":
            nats = misfit(estimate, target, self.config.likelihood, self.config.likelihood_scale)
            return nats, {"misfit": nats.detach().mean()}
        # One spectrum for each FFT size serves every term.
        sizes = self._sizes(target.shape[-1]) if {"log_stft", "mel"} & self.weights.keys() else []
        windows = {size: self.get_buffer(f"window_{size}") for size in sizes}
        spectra = {
            size: (magnitude(estimate, size, window), magnitude(target, size, window))
            for size, window in windows.items()
        }
        distances: dict[str, Callable[[], Tensor]] = {
            "log_stft": lambda: _mean(log_distance(*map(log_magnitude, pair)) for pair in spectra.values()),
            "mel": lambda: _mean(mel_distance(*pair, self.get_buffer(f"mel_{size}")) for size, pair in spectra.items()),
            "energy": lambda: energy_distance(estimate, target),
        }
        terms = {term: distances[term]() for term in self.weights}
        total = torch.stack([self.weights[term] * value for term, value in terms.items()]).sum(0)
        return total, {term: value.detach().mean() for term, value in terms.items()}

    def _sizes(self, samples: int) -> list[int]:
        fitting = [size for size in self.config.fft_sizes if size <= samples]
        return fitting or [min(self.config.fft_sizes)]


def _mean(values: Iterable[Tensor]) -> Tensor:
    return torch.stack(list(values)).mean(0)
