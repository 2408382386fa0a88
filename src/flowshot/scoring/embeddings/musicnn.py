"""musicnn, a network that tags music (Million Song Dataset, 50 tags), as 200-dimensional embeddings.

The weights (ISC licence) ship inside the package `musicnn` 0.1.0 as a checkpoint of TensorFlow 1, whose data file is
nothing but numbers; neither its code nor TensorFlow is run: the network is rebuilt here in torch. Pons and Serra
(2019), "musicnn: Pre-trained convolutional neural networks for music audio tagging" (arXiv:1909.06654).

Of its layers the penultimate one (200) is used and not the pooled features before it (753): they are the
input of the tags as YAMNet's embedding is of its classes, and the distance between few clips is biased less, the
fewer dimensions it has. The network hears nothing above 8 kHz.
"""

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from flowshot.scoring.config import PolicyConfig
from flowshot.scoring.embeddings.base import Embedder, clip_policy, mean_over_windows, packaged_file, versions

FILE = "MSD_musicnn/.data-00000-of-00001"
SHA256 = "8579734ee6388f799ed0def4bbd0d1fdcbeaf213ef2a9dc860917bd76a303de6"
REMEDY = "run `pip install --no-deps musicnn==0.1.0`, or leave musicnn out of score.embeddings: logmel works without it"
FFT, HOP, BANDS = 512, 256, 96
FRAMES = 187  # 3 s, what the network was trained on
WINDOW = FRAMES * HOP
TEMPORAL_FRAMES = (128, 64, 32)  # lengths of the kernels that hear rhythm
NORM_EPSILON = 1e-3  # of TensorFlow's batch normalisation
WINDOWS_AT_ONCE = 8  # the feature maps of one window take 14 MB
# The tensors in the order of the file, which is that of their names. Adam's two moments follow each trained one.
NORMS = {0: 1, 1: 204, 10: 200, 2: 204, 3: 51, 4: 51, 5: 51, 6: 64, 7: 64, 8: 64, 9: 1506}
KERNELS = {
    "conv2d_0": (7, 38, 1, 204), "conv2d_1": (7, 67, 1, 204), "conv2d_2": (128, 1, 1, 51), "conv2d_3": (64, 1, 1, 51),
    "conv2d_4": (32, 1, 1, 51), "conv2d_5": (7, 561, 1, 64), "conv2d_6": (7, 64, 1, 64), "conv2d_7": (7, 64, 1, 64),
    "dense": (1506, 200),
}  # fmt: skip

Tensors = dict[str, np.ndarray]


class Musicnn:
    """The layer before the tags, averaged over a clip's windows of 187 spectrogram frames (2.99 s).

    A remainder shorter than a tenth of a window is left out; a longer one, and a clip that is shorter than a window,
    are padded. The spectrogram keeps its precision, where the original rounds it to 16-bit floating
    point numbers, which become infinite in loud tones.
    """

    name = "musicnn"
    sample_rate = 16000
    dimensions = 200
    classes: Embedder | None = None
    weights_sha256 = SHA256

    def __init__(self, policy: PolicyConfig) -> None:
        """Load the network.

        Raises:
            FlowshotError: the package is missing, or its weights are not the known ones.
        """
        import torchaudio  # half a second to import, and only this embedder needs it

        self.policy = clip_policy(policy, self.sample_rate, window=WINDOW, shortest=WINDOW // 10)
        self.runtime = versions("torch", "torchaudio", "numpy")
        self.network = MusicnnNetwork(_read_weights())
        # As librosa 0.7 makes it, which the network was trained with.
        self._spectrogram = torchaudio.transforms.MelSpectrogram(
            self.sample_rate, FFT, hop_length=HOP, n_mels=BANDS, norm="slaney", mel_scale="slaney", pad_mode="reflect"
        )

    def embed(self, clips: np.ndarray, sample_rate: int) -> np.ndarray:
        """See `Embedder.embed`."""
        return mean_over_windows(clips, sample_rate, self.sample_rate, self.policy, self._run)

    @torch.no_grad()
    def _run(self, windows: np.ndarray) -> np.ndarray:
        pieces = torch.from_numpy(windows).split(WINDOWS_AT_ONCE)
        return torch.cat([self.network(self.spectrogram(piece)) for piece in pieces]).numpy()

    def spectrogram(self, windows: Tensor) -> Tensor:
        """`windows: [windows, samples]` at 16 kHz as log10(1 + 10000 power) in mel bands, `[windows, 187, 96]`."""
        power = self._spectrogram(windows).transpose(1, 2)[:, :FRAMES]
        return torch.log10(10000 * power + 1)


class MusicnnNetwork(nn.Module):
    """The network of the paper, from a spectrogram to the layer before the tags, with its weights.

    Shapes: `spectrogram: [batch, frames, 96]` -> `[batch, 200]`.
    """

    def __init__(self, weights: Tensors) -> None:
        super().__init__()
        self.input_norm = _norm(nn.BatchNorm2d, weights, 0)
        self.timbral = nn.ModuleList(_block(weights, number) for number in (0, 1))
        self.temporal = nn.ModuleList(_block(weights, number) for number in (2, 3, 4))
        self.middle = nn.ModuleList(_block(weights, number) for number in (5, 6, 7))
        self.pool_norm = _norm(nn.BatchNorm1d, weights, 9)
        self.dense = _filled(nn.Linear(1506, 200), weights["dense/kernel"].T, weights["dense/bias"])
        self.dense_norm = _norm(nn.BatchNorm1d, weights, 10)
        self.eval()

    def forward(self, spectrogram: Tensor) -> Tensor:
        """See the class."""
        x = self.input_norm(spectrogram[:, None])
        front = [layer(functional.pad(x, (0, 0, 3, 3))) for layer in self.timbral]
        for layer, length in zip(self.temporal, TEMPORAL_FRAMES, strict=True):
            # As TensorFlow's padding "same" for a kernel of even length: one more behind than before.
            front.append(layer(functional.pad(x, (0, 0, (length - 1) // 2, length // 2))))
        features = [torch.cat([each.amax(dim=3) for each in front], dim=1)]  # [batch, features, frames]
        deep = self.middle[0](features[0])
        features.append(deep)
        for layer in self.middle[1:]:
            deep = layer(deep) + deep
            features.append(deep)
        every = torch.cat(features, dim=1)
        # Maximum and mean of a feature stand side by side.
        pooled = torch.stack([every.amax(dim=2), every.mean(dim=2)], dim=2).flatten(1)
        return self.dense_norm(functional.relu(self.dense(self.pool_norm(pooled))))


def _block(weights: Tensors, number: int) -> nn.Sequential:
    """A convolution over frames and bands, or, from the sixth on, over frames alone."""
    kernel, bias = weights[f"conv2d_{number}/kernel"], weights[f"conv2d_{number}/bias"]
    frames, bands, _, filters = kernel.shape
    if number < 5:
        layer = _filled(nn.Conv2d(1, filters, (frames, bands)), kernel.transpose(3, 2, 0, 1), bias)
        return nn.Sequential(layer, nn.ReLU(), _norm(nn.BatchNorm2d, weights, number + 1))
    layer = _filled(nn.Conv1d(bands, filters, frames, padding=3), kernel[:, :, 0].transpose(2, 1, 0), bias)
    return nn.Sequential(layer, nn.ReLU(), _norm(nn.BatchNorm1d, weights, number + 1))


def _norm(kind: type[nn.BatchNorm1d] | type[nn.BatchNorm2d], weights: Tensors, number: int) -> nn.Module:
    gamma, beta, mean, variance = (weights[f"norm_{number}/{part}"] for part in ("gamma", "beta", "mean", "variance"))
    layer = _filled(kind(len(gamma), eps=NORM_EPSILON), gamma, beta)
    layer.running_mean, layer.running_var = torch.from_numpy(mean), torch.from_numpy(variance)
    return layer


def _filled(layer: nn.Module, weight: np.ndarray, bias: np.ndarray) -> nn.Module:
    layer.weight = nn.Parameter(torch.from_numpy(np.ascontiguousarray(weight)), requires_grad=False)
    layer.bias = nn.Parameter(torch.from_numpy(bias), requires_grad=False)
    return layer


def _read_weights() -> Tensors:
    path = packaged_file("musicnn", FILE, SHA256, REMEDY)
    numbers, place, weights = np.fromfile(path, dtype="<f4"), 0, {}

    def take(name: str, shape: tuple[int, ...], copies: int = 3) -> None:
        nonlocal place
        size = math.prod(shape)
        weights[name] = numbers[place : place + size].reshape(shape).copy()
        place += copies * size

    for number, size in NORMS.items():
        for part, copies in (("beta", 3), ("gamma", 3), ("mean", 1), ("variance", 1)):
            take(f"norm_{number}/{part}", (size,), copies)
    place += 2  # of the optimiser
    for name, shape in KERNELS.items():
        take(f"{name}/bias", shape[-1:])
        take(f"{name}/kernel", shape)
    return weights
