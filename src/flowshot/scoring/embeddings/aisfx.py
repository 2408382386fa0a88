"""aiSFX, a network trained on libraries of sound effects, as 512-dimensional embeddings that hear up to 22 kHz.

Ma and Lerch (2022), "Representation learning for the automatic indexing of sound effects libraries" (ISMIR 2022). The
weights (CC BY 4.0) ship inside the package `aisfx` (MIT), whose code is never run. What is heard is what the paper's
network heard: mel spectrograms by Essentia, with triangles in mel, of clips whose level is left alone.
"""

import _codecs
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from flowshot.core.process import workers
from flowshot.scoring.config import PolicyConfig
from flowshot.scoring.embeddings.base import clip_policy, mean_over_windows, packaged_file, versions

WEIGHTS_SHA256 = "499ea75909c932a2f94c35fa722fa4fabc5bcb7e84917209cc5f7402627b7eb5"
REMEDY = "run `pip install --no-deps aisfx==0.1.2`, or leave aisfx out of score.embeddings: logmel works without it"
BLOCK, HOP, FRAMES, BANDS = 2048, 1024, 100, 96
LARGEST_LEVEL = 9.457798957824707  # of the spectrograms that it was trained on
BATCH = 32


class Aisfx(nn.Module):
    """Four blocks of two convolutions; a clip is heard in windows of 100 frames (2.3 s), filled up with silence."""

    name = "aisfx"
    sample_rate = 44100
    dimensions = 512
    classes = 0
    weights_sha256 = WEIGHTS_SHA256

    def __init__(self, policy: PolicyConfig, _checkpoints: Path | None = None) -> None:
        """Raises FlowshotError where the package is missing, or its weights are not the known ones."""
        super().__init__()
        self.policy = clip_policy(policy, self.sample_rate, window=FRAMES * HOP, shortest=FRAMES * HOP // 10)
        self.runtime = versions("torch", "numpy")
        for number, (inputs, outputs) in enumerate(((1, 64), (64, 128), (128, 256), (256, 512)), start=1):
            self.add_module(f"conv_block{number}", _Block(inputs, outputs))
        path = packaged_file("aisfx", "models/checkpoint.pth", WEIGHTS_SHA256, REMEDY)
        # Beside tensors the file has numbers of numpy's; nothing else is admitted.
        numbers: list[Any] = [
            np.float64(0).__reduce__()[0],
            np.dtype,
            *map(type, map(np.dtype, ("f8", "f4", "i8"))),
            _codecs.encode,
        ]
        with torch.serialization.safe_globals(numbers):
            weights, _ = torch.load(path, map_location="cpu", weights_only=True)
        prefix = "embedding_net."
        self.load_state_dict({k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)})
        self.filters = torch.from_numpy(mel_filters())
        self.eval()

    def embed(self, clips: np.ndarray, sample_rate: int) -> np.ndarray:
        """See `Embedder.embed`."""
        torch.set_num_threads(workers())

        @torch.inference_mode()
        def run(windows: np.ndarray) -> np.ndarray:
            return torch.cat([self(batch) for batch in torch.from_numpy(windows).split(BATCH)]).numpy()

        return mean_over_windows(clips, sample_rate, self.sample_rate, self.policy, run)

    def forward(self, clips: Tensor) -> Tensor:
        """Embeddings `[n, 512]` of `clips: [n, samples]`."""
        window = torch.hann_window(BLOCK, periodic=False)
        power = torch.stft(clips, BLOCK, HOP, window=window, pad_mode="constant", return_complex=True).abs().square()
        levels = torch.log10(1e4 * (self.filters @ power[..., :FRAMES]) + 1) / LARGEST_LEVEL
        x = levels.transpose(1, 2)[:, None]
        for number in range(1, 5):
            x = self.get_submodule(f"conv_block{number}")(x)
            x = functional.max_pool2d(x, 2 if number < 4 else 1)
        return x.mean(dim=3).amax(dim=2)


class _Block(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(outputs), nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.bn1(self.conv1(x)))
        return functional.relu(self.bn2(self.conv2(x)))


def mel_filters() -> np.ndarray:
    """Triangles in mel with sum 1, `[bands, BLOCK // 2 + 1]`, float32."""
    mel = 2595 * np.log10(1 + np.fft.rfftfreq(BLOCK, 1 / Aisfx.sample_rate) / 700)
    edges = np.linspace(0, mel[-1], BANDS + 2)
    width = edges[1]
    filters = np.clip(1 - np.abs(mel - edges[1:-1, None]) / width, 0, None)
    return (filters / np.maximum(filters.sum(axis=1, keepdims=True), 1e-12)).astype(np.float32)
