"""CDPAM, a distance of two recordings learned from what listeners told apart.

Manocha, Jin, Zhang and Finkelstein (2021), "CDPAM: Contrastive learning for perceptual audio similarity"
(arXiv:2102.05109). The weights (MIT) ship inside the package `cdpam`, whose code is never run.
"""

import pickle
from functools import cache
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from flowshot.core.errors import FlowshotError
from flowshot.core.process import workers
from flowshot.scoring.embeddings.base import packaged_file, resample

WEIGHTS = "CDPAM_trained/scratchJNDdefault_best_model.pth"
WEIGHTS_SHA256 = "453c8b6edee1a94f0120236156436ff28fe4d8d884485e4a67695c8e8570bdfe"
REMEDY = "run `make setup EXTRAS=cdpam`, or set score.cdpam to 0"
SAMPLE_RATE = 22050
FULL_SCALE = 32768  # it heard whole numbers of 16 bits
CHANNELS = (64, 128, 256, 512, 1024)  # of the first convolutions, and from each fourth one on
WIDTHS = (512, 256, 64, 16, 4)  # of the comparison
BATCH = 8


class Encoder(nn.Module):
    """16 convolutions and their mean over time; its first half is what a clip sounds like, the other what it says."""

    def __init__(self) -> None:
        super().__init__()
        widths = [CHANNELS[(layer + 1) // 4] for layer in range(16)]
        self.encoder = nn.ModuleList(nn.Conv1d(*pair, 15, padding=7) for pair in pairwise([1, *widths]))
        self.ebatch = nn.ModuleList(map(nn.BatchNorm1d, widths))

    def forward(self, clips: Tensor) -> Tensor:
        """Features of norm 1, `[n, 512]`, of `clips: [n, samples]`."""
        x = clips.unsqueeze(1)
        for number, (convolution, norm) in enumerate(zip(self.encoder, self.ebatch, strict=True), start=1):
            x = functional.leaky_relu(norm(convolution(x)), 0.1)
            if number % 4 == 0:
                x = x[..., ::2]
        return functional.normalize(x.mean(2).chunk(2, dim=1)[0], dim=1)


class Comparison(nn.Module):
    """Four layers of both clips' features, whose differences are weighted and summed."""

    def __init__(self) -> None:
        super().__init__()
        layers = [nn.Sequential(nn.Linear(*pair), nn.LeakyReLU()) for pair in pairwise(WIDTHS)]
        self.convs = nn.ModuleList([*layers[:-1], layers[-1][:1]])  # the last layer is linear
        self.chan_w = nn.ParameterList(torch.zeros(width) for width in WIDTHS[1:])

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Distances `[n]` of features `[n, 512]`."""
        distance = first.new_zeros(len(first))
        for layer, weight in zip(self.convs, self.chan_w, strict=True):
            first, second = layer(first), layer(second)
            distance = distance + ((first - second) * weight).abs().sum(1)
        return distance


class Cdpam(nn.Module):
    """Encoder and comparison; the parameters are named as in the file."""

    def __init__(self) -> None:
        """Raises FlowshotError where the package is missing, or its weights are not the known ones."""
        super().__init__()
        path = packaged_file("cdpam", WEIGHTS, WEIGHTS_SHA256, REMEDY)
        self.base_encoder, self.model_dist = Encoder(), Comparison()
        weights = torch.load(path, map_location="cpu", weights_only=False, pickle_module=TENSORS_ONLY)["state"]
        # What it also has is a classifier of "same or different", which needs this distance.
        self.load_state_dict({k: v for k, v in weights.items() if not k.startswith("model_classif")})
        self.eval()

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Distances `[n]` of clips `[n, samples]` at 22050 Hz, in 16-bit units."""
        distance: Tensor = self.model_dist(self.base_encoder(first), self.base_encoder(second))
        return distance


def cdpam_distance(reconstructions: np.ndarray, originals: np.ndarray, sample_rate: int, most: int) -> np.ndarray:
    """The distance of each pair of clips, `[n, samples]` twice, as `[n]`; 0 for identical clips.

    Slow, so at most `most` pairs are compared, evenly spread over all of them; the others have NaN.

    Raises:
        FlowshotError: the package is missing, or its weights are not the known ones.
    """
    distances = np.full(len(originals), np.nan)
    if len(originals) and most:
        chosen = np.unique(np.linspace(0, len(originals) - 1, min(most, len(originals))).round().astype(int))
        distances[chosen] = _distance(reconstructions[chosen], originals[chosen], sample_rate)
    return distances


def _distance(reconstructions: np.ndarray, originals: np.ndarray, sample_rate: int) -> np.ndarray:
    torch.set_num_threads(workers())
    pairs = (resample(clips, sample_rate, SAMPLE_RATE) for clips in (reconstructions, originals))
    heard = [torch.from_numpy(np.round(clips.astype(np.float32) * FULL_SCALE)) for clips in pairs]
    with torch.inference_mode():
        batches = zip(*(clips.split(BATCH) for clips in heard), strict=True)
        found: np.ndarray = torch.cat([_network()(*batch) for batch in batches]).numpy()
        return found


@cache
def _network() -> Cdpam:
    return Cdpam()


class TensorsAlone(pickle.Unpickler):
    """Reads tensors and plain containers. The file is older than what `weights_only` of torch reads."""

    ADMITTED = frozenset({("collections", "OrderedDict"), ("torch._utils", "_rebuild_tensor_v2")})

    def find_class(self, module: str, name: str) -> Any:
        """Called for every global of the pickle; raises FlowshotError for all but the admitted."""
        if (module, name) not in self.ADMITTED:
            raise FlowshotError(f"the weights of cdpam hold {module}.{name}, which is no tensor; {REMEDY}")
        return super().find_class(module, name)


TENSORS_ONLY = SimpleNamespace(
    __name__="tensors_only", Unpickler=TensorsAlone, load=lambda file, **named: TensorsAlone(file, **named).load()
)
