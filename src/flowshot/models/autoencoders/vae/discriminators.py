"""Networks that tell real clips from decoded ones, on spectrograms of several resolutions.

Each is small and sees little of a clip at a time, so it judges texture and not content: with a thousand clips a large
one would know them by heart. Widths and strides are chosen so that all of them together need fewer multiplications than
the autoencoder (a test counts them).
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import skip_init
from torch.nn.utils.parametrizations import weight_norm

FFT_SIZES = (2048, 512, 128)  # one discriminator each
WIDTH = 8  # channels of the first layer
SLOPE = 0.2  # of the leaky rectifiers
# Spectral magnitudes below this (-60 dB of a full-scale sine) count as silence. Real clips hold digital silence, which
# no decoder reaches: a discriminator that saw how nearly it is reached would look at nothing else.
FLOOR = 1e-3
# Kernel and stride over (frequency, time) of each layer but the last, and its width in multiples of WIDTH.
LAYERS = (((7, 3), (4, 1), 1), ((5, 3), (2, 2), 2), ((5, 3), (2, 2), 4))


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

    def __init__(self, fft_size: int, generator: torch.Generator) -> None:
        super().__init__()
        self.fft_size = fft_size
        self.register_buffer("window", torch.hann_window(fft_size), persistent=False)
        inputs = 2
        self.layers = nn.ModuleList()
        for kernel, stride, factor in LAYERS:
            padding = (kernel[0] // 2, kernel[1] // 2)
            layer = skip_init(nn.Conv2d, inputs, factor * WIDTH, kernel, stride=stride, padding=padding)
            self.layers.append(_initialised(layer, generator))
            inputs = factor * WIDTH
        self.layers.append(_initialised(skip_init(nn.Conv2d, inputs, 1, 3, padding=1), generator))

    def forward(self, clips: Tensor) -> Judgement:
        # Frames overlap by half and not by three quarters: it halves the cost, and the window still weighs all
        # samples alike.
        spectrum = torch.stft(
            clips, self.fft_size, self.fft_size // 2, window=self.window, return_complex=True, pad_mode="constant"
        )
        parts = torch.view_as_real(spectrum * (2 / self.window.sum())).permute(0, 3, 1, 2)
        x, features = _compress(parts), []
        for layer in self.layers[:-1]:
            x = functional.leaky_relu(layer(x), SLOPE)
            features.append(x)
        return Judgement(self.layers[-1](x), features)


class Discriminators(nn.Module):
    """One discriminator for each FFT size: `[batch, samples]` -> one `Judgement` each."""

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self.members = nn.ModuleList([SpectrogramDiscriminator(size, generator) for size in FFT_SIZES])

    def forward(self, clips: Tensor) -> list[Judgement]:
        return [member(clips) for member in self.members]


def _initialised(layer: nn.Conv2d, generator: torch.Generator) -> nn.Module:
    """Outputs of about unit variance (He et al. 2015, 1502.01852), and weight normalisation (1602.07868)."""
    # Not normalised by the batch, whose statistics give away which clips are real.
    nn.init.kaiming_normal_(layer.weight, a=SLOPE, nonlinearity="leaky_relu", generator=generator)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return weight_norm(layer)


def _compress(parts: Tensor) -> Tensor:
    """Square root of the magnitude with the phase kept, `[batch, 2, ...]`: a tail is seen beside its attack."""
    power = parts.square().sum(1, keepdim=True)
    return parts * (power + FLOOR**2) ** -0.25
