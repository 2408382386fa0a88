"""Networks that tell real clips from decoded ones: on spectrograms, on every p-th sample, on a coarser waveform.

Each is small and sees little of a clip at a time, so it judges texture and not content: with a thousand clips a large
one would know them by heart. Widths and strides are chosen so that all of the default ones together need fewer
multiplications than the autoencoder (`tests/models/test_discriminators.py` counts them).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import skip_init
from torch.nn.utils.parametrizations import weight_norm

from flowshot.training.config import AdversarialConfig

SLOPE = 0.2  # of the leaky rectifiers
# Spectral magnitudes below this (-60 dB of a full-scale sine) count as silence. Real clips hold digital silence, which
# no decoder reaches: a discriminator that saw how nearly it is reached would look at nothing else.
FLOOR = 1e-3
# Kernel and stride of each layer but the last, and its width in multiples of the configured one.
SPECTRAL_LAYERS = (((7, 3), (4, 1), 1), ((5, 3), (2, 2), 2), ((5, 3), (2, 2), 4))  # over (frequency, time)
WAVEFORM_LAYERS = ((5, 3, 1), (5, 3, 2), (5, 3, 4), (5, 3, 4))


@dataclass(frozen=True)
class Judgement:
    """What one discriminator says of a batch: logits, above 0 for real, `[batch, ...]`, and each layer's output."""

    logits: Tensor
    features: list[Tensor]


class SpectrogramDiscriminator(nn.Module):
    """Convolutions over frequency and time on the complex spectrogram of one resolution.

    Jang et al. 2021 (UnivNet, 2106.07889) on magnitudes; real and imaginary part as two channels, so that phase is
    judged too: Defossez et al. 2022 (2210.13438), Kumar et al. 2023 (DAC, 2306.06546).

    Shapes: `[batch, samples]`, of any length -> `Judgement`.
    """

    window: Tensor

    def __init__(self, fft_size: int, width: int, generator: torch.Generator) -> None:
        super().__init__()
        self.fft_size = fft_size
        self.register_buffer("window", torch.hann_window(fft_size), persistent=False)
        inputs = 2
        self.layers = nn.ModuleList()
        for kernel, stride, factor in SPECTRAL_LAYERS:
            padding = (kernel[0] // 2, kernel[1] // 2)
            convolution = skip_init(nn.Conv2d, inputs, factor * width, kernel, stride=stride, padding=padding)
            self.layers.append(_initialised(convolution, generator))
            inputs = factor * width
        self.layers.append(_initialised(skip_init(nn.Conv2d, inputs, 1, 3, padding=1), generator))

    def forward(self, clips: Tensor) -> Judgement:
        # Frames overlap by half and not by three quarters: it halves the cost, and the window still weighs all
        # samples alike.
        spectrum = torch.stft(
            clips, self.fft_size, self.fft_size // 2, window=self.window, return_complex=True, pad_mode="constant"
        )
        parts = torch.view_as_real(spectrum * (2 / self.window.sum())).permute(0, 3, 1, 2)
        return _judge(self.layers, _compress(parts))


class PeriodDiscriminator(nn.Module):
    """Convolutions over time that see only every `period`-th sample (Kong et al. 2020, HiFi-GAN, 2010.05646).

    Shapes: `[batch, samples]`, of any length -> `Judgement`; the logits are `[batch, period * frames]`.
    """

    def __init__(self, period: int, width: int, generator: torch.Generator) -> None:
        super().__init__()
        self.period = period
        self.layers = _waveform_layers(width, generator)

    def forward(self, clips: Tensor) -> Judgement:
        padded = functional.pad(clips, (0, -clips.shape[-1] % self.period))
        # The paper's kernels of size [k, 1] over [time, phase] never mix phases: they are rows of a larger batch.
        phases = padded.unflatten(1, (-1, self.period)).transpose(1, 2).flatten(0, 1).unsqueeze(1)
        judgement = _judge(self.layers, phases)
        return Judgement(judgement.logits.reshape(len(clips), -1), judgement.features)


class ScaleDiscriminator(nn.Module):
    """Convolutions over the waveform averaged over `scale` samples (Kumar et al. 2019, MelGAN, 1910.06711).

    Shapes: `[batch, samples]`, of any length -> `Judgement`.
    """

    def __init__(self, scale: int, width: int, generator: torch.Generator) -> None:
        super().__init__()
        self.scale = scale
        self.layers = _waveform_layers(width, generator)

    def forward(self, clips: Tensor) -> Judgement:
        padded = functional.pad(clips, (0, -clips.shape[-1] % self.scale))
        return _judge(self.layers, functional.avg_pool1d(padded.unsqueeze(1), self.scale))


class Discriminators(nn.Module):
    """All that `config` names: `[batch, samples]` -> one `Judgement` each.

    Args:
        config: FFT sizes, periods and scales, one discriminator each, and their width.
        generator: on the CPU; draws the initial weights.
    """

    def __init__(self, config: AdversarialConfig, generator: torch.Generator) -> None:
        super().__init__()
        self.members = nn.ModuleList(
            [
                *(SpectrogramDiscriminator(size, config.width, generator) for size in config.fft_sizes),
                *(PeriodDiscriminator(period, config.width, generator) for period in config.periods),
                *(ScaleDiscriminator(scale, config.width, generator) for scale in config.scales),
            ]
        )

    def forward(self, clips: Tensor) -> list[Judgement]:
        return [member(clips) for member in self.members]


def _waveform_layers(width: int, generator: torch.Generator) -> nn.ModuleList:
    layers, inputs = nn.ModuleList(), 1
    for kernel, stride, factor in WAVEFORM_LAYERS:
        convolution = skip_init(nn.Conv1d, inputs, factor * width, kernel, stride=stride, padding=kernel // 2)
        layers.append(_initialised(convolution, generator))
        inputs = factor * width
    layers.append(_initialised(skip_init(nn.Conv1d, inputs, 1, 3, padding=1), generator))
    return layers


def _initialised(convolution: nn.Conv1d | nn.Conv2d, generator: torch.Generator) -> nn.Module:
    """Outputs of about unit variance (He et al. 2015, 1502.01852), and weight normalisation.

    Weight normalisation (Salimans & Kingma 2016, 1602.07868) is what the discriminators of all papers above have:
    a batch of real and decoded clips must not be normalised by its own statistics, which give away which is which.
    """
    nn.init.kaiming_normal_(convolution.weight, a=SLOPE, nonlinearity="leaky_relu", generator=generator)
    if convolution.bias is not None:
        nn.init.zeros_(convolution.bias)
    return weight_norm(convolution)


def _compress(parts: Tensor) -> Tensor:
    """Square root of the magnitude with the phase kept, `[batch, 2, ...]`: a tail at -40 dB is seen beside its attack.

    Below `FLOOR` it is linear, because the root's slope is infinite at 0.
    """
    power = parts.square().sum(1, keepdim=True)
    return parts * (power + FLOOR**2) ** -0.25


def _judge(layers: Sequence[nn.Module] | nn.ModuleList, x: Tensor) -> Judgement:
    features = []
    for layer in list(layers)[:-1]:
        x = functional.leaky_relu(layer(x), SLOPE)
        features.append(x)
    return Judgement(layers[-1](x), features)
