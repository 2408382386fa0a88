"""Clips as spectrograms: real and imaginary part of the short-time Fourier transform, without its constant."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from flowshot.models.generators.drumgan.config import DrumganConfig, frames_of, padded_samples


class Spectrum(nn.Module):
    """Between clips `[batch, samples]` and spectrograms `[batch, 2, fft_size / 2, frames]`.

    Clips are padded with zeros to whole frames. The transform is divided by the root of `fft_size`, so that a
    full-scale tone stays near 1 to 10.
    """

    window: Tensor

    def __init__(self, config: DrumganConfig, clip_samples: int) -> None:
        super().__init__()
        self.fft_size, self.hop, self.clip_samples = config.fft_size, config.hop, clip_samples
        self.padded = padded_samples(clip_samples, config.hop, config.halvings)
        self.shape = (config.bins, frames_of(clip_samples, config.hop, config.halvings))
        self.register_buffer("window", torch.hann_window(config.fft_size), persistent=False)

    def of(self, clips: Tensor) -> Tensor:
        """The spectrograms of clips."""
        padded = functional.pad(clips, (0, self.padded - self.clip_samples))
        found = torch.stft(
            padded, self.fft_size, self.hop, window=self.window, pad_mode="constant", normalized=True,
            return_complex=True,
        )  # fmt: skip
        return torch.stack([found.real, found.imag], 1)[:, :, 1:]

    def clips(self, spectrograms: Tensor) -> Tensor:
        """The clips of spectrograms, by the inverse transform."""
        whole = functional.pad(spectrograms.float(), (0, 0, 1, 0))
        found = torch.istft(
            torch.complex(whole[:, 0], whole[:, 1]), self.fft_size, self.hop, window=self.window, normalized=True,
            length=self.padded,
        )  # fmt: skip
        return found[:, : self.clip_samples]
