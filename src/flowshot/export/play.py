"""A page that plays arms in a browser without a server: their ONNX graphs and onnxruntime-web are parts of it.

What the page needs lies in it as gzip in base64, each asset once, under the beginning of its SHA-256.
"""

import base64
import gzip
import hashlib
import json
import tarfile
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from flowshot.core.files import read_json
from flowshot.export.onnx import export_onnx
from flowshot.export.torchscript import GivenNoise
from flowshot.models.base.autoencoder import Autoencoder
from flowshot.preparation.config import DatasetConfig
from flowshot.priors.base import LatentPrior
from flowshot.sources.catalog import Package
from flowshot.sources.clients import download

RUNTIME = Package(
    "npm", "onnxruntime-web", "1.30.0", "d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71"
)
# Of that package: the script with all that it needs inside but the second, which computes.
RUNTIME_FILES = {"runtime": "package/dist/ort.wasm.bundle.min.mjs", "wasm": "package/dist/ort-wasm-simd-threaded.wasm"}
DOWNLOADS = Path(".flowshot/cache/npm")
CENTRE_DRAWS = 2000  # of the prior, whose mean is the middle of the plane
NAME_DIGITS = 16


class Page:
    """The page, to which arms are added one by one."""

    def __init__(self) -> None:
        self.assets = runtime_assets(DOWNLOADS)
        self.arms: list[dict[str, Any]] = []

    def add(self, arm: str, model: Autoencoder, prior: LatentPrior, config: DatasetConfig) -> float:
        """Add an arm; returns the largest difference between its graphs and the model.

        `config` says how a sound that is dropped on the page becomes a clip.

        Raises:
            FlowshotError: the arm cannot be exported, or packages are missing.
        """
        with TemporaryDirectory() as scratch:
            folder = Path(scratch)
            difference = export_onnx(folder, arm, model, prior, config.sample_rate)
            graphs = {
                name: self._keep((folder / f"{name}.onnx").read_bytes()) for name in ("encode", "decode", "prior")
            }
            about = read_json(folder / "arm.json")
        draws = torch.Generator().manual_seed(0)
        with torch.no_grad(), GivenNoise() as decoding:
            model.decode(torch.zeros(1, model.latent_size))
        with torch.no_grad():
            centre = prior.sample(CENTRE_DRAWS, draws).mean(0)
        noise = torch.zeros(1, 0) if decoding.noise is None else decoding.noise
        self.arms.append({
            "name": arm, "sample_rate": config.sample_rate, "clip_samples": about["clip_samples"],
            "latent_size": about["latent_size"], **graphs, "centre": centre.tolist(),
            "noise": self._keep(noise.float().numpy().tobytes()), "noise_shape": list(noise.shape),
            "level_db": config.level_db if config.level == "peak" else None, "fade_seconds": config.fade_seconds,
        })  # fmt: skip
        return difference

    def _keep(self, content: bytes) -> str:
        """The name of an asset, which is kept once."""
        name = "a" + hashlib.sha256(content).hexdigest()[:NAME_DIGITS]
        self.assets[name] = content
        return name

    def text(self) -> str:
        """The page as HTML."""
        folder = files("flowshot.export") / "web"
        names = ("page.html", "page.css", "sound.js", "model.js", "page.js")
        text, style, *scripts = ((folder / name).read_text(encoding="utf-8") for name in names)
        packed = {name: base64.b64encode(gzip.compress(content, mtime=0)) for name, content in self.assets.items()}
        assets = "\n".join(
            f'<script type="text/plain" id="{name}">{content.decode("ascii")}</script>'
            for name, content in packed.items()
        )
        # The only `<` that could end the element that holds it.
        data = json.dumps(self.arms).replace("<", "\\u003c")
        for mark, part in (("/*STYLE*/", style), ("/*SCRIPT*/", "\n".join(scripts)), ("/*ARMS*/", data)):
            text = text.replace(mark, part)
        return text.replace("<!--ASSETS-->", assets)


def runtime_assets(folder: Path) -> dict[str, bytes]:
    """The files of onnxruntime-web, from `folder` or else fetched into it by npm.

    Raises FlowshotError where npm is missing or has no network.
    """
    archive = download(RUNTIME, folder)
    with tarfile.open(archive.path) as package:
        # Its hash was compared, so the files are there.
        return {name: package.extractfile(path).read() for name, path in RUNTIME_FILES.items()}  # type: ignore[union-attr]
