"""Networks in TensorFlow Lite's format, whose weights ship in a package, run by `ai-edge-litert`."""

import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from flowshot.core.errors import FlowshotError
from flowshot.core.process import workers
from flowshot.scoring.config import PolicyConfig
from flowshot.scoring.embeddings.base import clip_policy, mean_over_windows, packaged_file, versions


class TfliteEmbedder:
    """The values of one tensor inside a network, averaged over a clip's windows, and the class scores if it has them.

    A remainder shorter than a tenth of a window is left out; a longer one is padded.
    """

    name: str
    sample_rate: int
    dimensions: int
    classes: int
    weights_sha256: str
    package: ClassVar[str]  # its weights are in `file`; its code is never run
    file: ClassVar[str]
    window: ClassVar[int]  # samples that the network hears at once
    tensor: ClassVar[str]  # the end of its name
    remedy: ClassVar[str]

    def __init__(self, policy: PolicyConfig, _checkpoints: Path | None = None) -> None:
        """Load the network once for each core.

        Raises:
            FlowshotError: a package is missing, or its weights are not the known ones.
        """
        self.policy = clip_policy(policy, self.sample_rate, window=self.window, shortest=self.window // 10)
        weights = packaged_file(self.package, self.file, self.weights_sha256, self.remedy)
        self.runtime = versions("ai-edge-litert", "numpy")
        self._networks = [self._load(weights) for _ in range(workers())]

    def embed(self, clips: np.ndarray, sample_rate: int) -> np.ndarray:
        """See `Embedder.embed`."""
        with ThreadPoolExecutor(len(self._networks)) as pool:

            def run(windows: np.ndarray) -> np.ndarray:
                parts = np.array_split(windows, len(self._networks))
                return np.concatenate(list(pool.map(self._run, self._networks, parts)))

            return mean_over_windows(clips, sample_rate, self.sample_rate, self.policy, run)

    def _load(self, weights: Path) -> Any:
        try:
            from ai_edge_litert.interpreter import Interpreter  # optional, and only these embedders need it
        except ImportError as error:
            lacking = f"embedding {self.name}: the package ai-edge-litert is missing ({error})"
            raise FlowshotError(f"{lacking}; {self.remedy}") from None
        with warnings.catch_warnings():
            # Keeping all tensors, without which the embedding cannot be read, is announced as meant for debugging.
            warnings.simplefilter("ignore", UserWarning)
            network = Interpreter(str(weights), num_threads=1, experimental_preserve_all_tensors=True)
        network.allocate_tensors()
        return network

    def _run(self, network: Any, windows: np.ndarray) -> np.ndarray:
        """Embeddings and class scores of `windows: [windows, window]`, side by side."""
        given, scores = network.get_input_details()[0], network.get_output_details()[0]["index"]
        tensor = next(t for t in network.get_tensor_details() if t["name"].endswith(self.tensor))
        scale, zero_point = tensor["quantization"]
        outputs = np.empty((len(windows), self.dimensions + self.classes))
        for row, window in zip(outputs, windows, strict=True):
            network.set_tensor(given["index"], window.reshape(given["shape"]))
            network.invoke()
            embedding = network.get_tensor(tensor["index"]).ravel().astype(np.float64)
            row[: self.dimensions] = (embedding - zero_point) * (scale or 1)  # a scale of 0: not quantised
            if self.classes:
                row[self.dimensions :] = network.get_tensor(scores).ravel()
        return outputs
