"""CLAP, VGGish, PANN and EnCodec, by the package frechet-audio-distance.

The package is used for its networks alone. Its own loop over clips ends in silence at the first clip that fails, and
its score is -1 for any error; so it is given one window at a time, of the length that its network hears, and every
window must give a vector.
"""

import contextlib
import functools
import hashlib
import io
import os
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
import torch

from flowshot.core.errors import FlowshotError
from flowshot.scoring.config import PolicyConfig
from flowshot.scoring.embeddings.base import clip_policy, mean_over_windows, versions

PACKAGE = "frechet-audio-distance"
# The package imports laion_clap, which asks for these at import, whichever network is wanted.
TOKENIZERS = ("models--bert-base-uncased", "models--roberta-base", "models--facebook--bart-base")
HUB = "https://huggingface.co"
HUB_FOLDER = "huggingface"  # in the checkpoint folder
OFFLINE = "HF_HUB_OFFLINE"
ANSWER_SECONDS = 5.0  # for a server to say that it is there


class PackageEmbedder:
    """One network of the package; subclasses set what differs."""

    name: str
    sample_rate: int
    dimensions: int
    classes = 0
    window = 0  # samples that the network hears; 0: any number
    least = 1  # samples that it needs
    files: tuple[str, ...]  # its weights, as patterns within the checkpoint folder
    hub_files: tuple[str, ...] = ()  # what else it needs in the hub's cache, alternatives separated by `|`
    libraries: tuple[str, ...] = ()
    options: ClassVar[Mapping[str, Any]] = {}  # of the package's constructor

    def __init__(self, policy: PolicyConfig, checkpoints: Path | None = None) -> None:
        """Load the network from the folder `checkpoints` (the libraries' own by default), or download it there.

        Raises:
            FlowshotError: the package or weights are missing and cannot be downloaded, or do not load.
        """
        self.policy = clip_policy(policy, self.sample_rate, self.window, self.window // 10 or 1, self.least)
        folder = Path(torch.hub.get_dir()) if checkpoints is None else checkpoints.absolute()
        hub = use_hub(checkpoints)
        if os.environ.get(OFFLINE, "").upper() in ("1", "ON", "YES", "TRUE") or not reachable(HUB):
            if missing := self._missing(folder, hub):
                raise FlowshotError(
                    f"embedding {self.name}: {missing} is missing, and there is no network to download it; put it "
                    "there as docs/embeddings.md says, or name its folder (score.checkpoints, --checkpoints)"
                )
            os.environ[OFFLINE] = "1"  # or the hub is asked for minutes, for what is there already
        self.package = self._load(folder)
        self.weights_sha256 = hash_of_weights(self.package.model)
        self.runtime = versions(PACKAGE, "torch", "numpy", *self.libraries)

    def embed(self, clips: np.ndarray, sample_rate: int) -> np.ndarray:
        """See `Embedder.embed`."""

        def run(windows: np.ndarray) -> np.ndarray:
            return np.stack([self._vector(window) for window in windows])

        return mean_over_windows(clips, sample_rate, self.sample_rate, self.policy, run)

    def _vector(self, window: np.ndarray) -> np.ndarray:
        """The mean of the vectors that the package makes of `window: [samples]`: NaN where it makes none."""
        said = io.StringIO()
        try:
            with contextlib.redirect_stdout(said):
                made = np.asarray(self.package.get_embeddings([window], self.sample_rate), dtype=np.float64)
            return made.reshape(-1, self.dimensions).mean(axis=0)
        except ValueError as error:
            # No vector, because the package catches what goes wrong and prints it, or one of another length.
            reason = " ".join((said.getvalue() or str(error)).split())
            print(f"embedding {self.name}: a clip failed: {reason}", file=sys.stderr)
            return np.full(self.dimensions, np.nan)

    def _missing(self, folder: Path, hub: Path) -> Path | None:
        """The first file that is not there, as a pattern."""
        wanted = [(folder, pattern) for pattern in self.files]
        wanted += [(hub, f"{name}/snapshots/*/*") for name in TOKENIZERS]
        wanted += [(hub, pattern) for pattern in self.hub_files]
        for where, pattern in wanted:
            if not any(path for each in pattern.split("|") for path in where.glob(each)):
                return where / pattern
        return None

    def _load(self, folder: Path) -> Any:
        _load_only_weights()
        try:
            with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                from frechet_audio_distance import FrechetAudioDistance  # 5 to 10 s, and only these embedders need it

                return FrechetAudioDistance(
                    ckpt_dir=str(folder), model_name=self.name, sample_rate=self.sample_rate, **self.options
                )
        except ModuleNotFoundError as error:
            raise FlowshotError(
                f"embedding {self.name}: the package {error.name} is missing; run `pip install "
                f"{PACKAGE}==0.3.4`, or leave {self.name} out of score.embeddings: logmel works without it"
            ) from None
        except Exception as error:  # the package and what it downloads may raise anything
            reason = " ".join(str(error).split())[:200]
            raise FlowshotError(
                f"embedding {self.name}: could not be loaded from {folder} ({type(error).__name__}: {reason}); "
                "docs/embeddings.md says which files belong there"
            ) from None


class Clap(PackageEmbedder):
    """The audio branch of CLAP (LAION), which brings sounds and their descriptions together, on windows of 10 s.

    Wu et al. (2023), "Large-scale contrastive language-audio pretraining with feature fusion and keyword-to-caption
    augmentation" (arXiv:2211.06687); the checkpoint is `630k-audioset-best`, without fusion. Every window has the
    length of its input, so that the package neither repeats short clips nor cuts long ones at random.
    """

    name = "clap"
    sample_rate = 48000
    dimensions = 512
    window = 480000
    files = ("630k-audioset-best.pt",)
    # Its text branch, which is built from these weights before the checkpoint replaces them.
    hub_files = (
        "models--roberta-base/snapshots/*/model.safetensors|models--roberta-base/snapshots/*/pytorch_model.bin",
    )
    libraries = ("laion-clap", "transformers", "torchlibrosa")
    options: ClassVar[Mapping[str, Any]] = {"submodel_name": "630k-audioset", "enable_fusion": False}


class Vggish(PackageEmbedder):
    """VGGish (AudioSet), for which the Frechet audio distance was defined: windows of 0.975 s, 96 spectrogram frames.

    Hershey et al. (2017), "CNN architectures for large-scale audio classification" (arXiv:1609.09430): the layer before
    the last activation, without the PCA. The package runs code that torch.hub downloads, which is part of what is
    computed: its hash is among the libraries.
    """

    name = "vggish"
    sample_rate = 16000
    dimensions = 128
    window = 15600
    repository = "harritaylor_torchvggish"
    files = (
        f"{repository}_ma*/hubconf.py",  # main or master
        "checkpoints/vggish-10086976.pth",
        "checkpoints/vggish_pca_params-970ea276.pth",
    )
    libraries = ("resampy",)

    def __init__(self, policy: PolicyConfig, checkpoints: Path | None = None) -> None:
        super().__init__(policy, checkpoints)
        sources = sorted(Path(self.package.ckpt_dir).glob(f"{self.repository}_ma*/**/*.py"))
        code = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
        self.runtime += f", torchvggish {code[:12]}"

    def _load(self, folder: Path) -> Any:
        # Without this line torch.hub asks on the terminal whether code may be downloaded and run. Who asks for vggish
        # has answered.
        folder.mkdir(parents=True, exist_ok=True)
        trusted = folder / "trusted_list"
        known = trusted.read_text(encoding="utf-8").splitlines() if trusted.exists() else []
        if self.repository not in known:
            trusted.write_text("\n".join([*known, self.repository]) + "\n", encoding="utf-8")
        return super()._load(folder)


class Pann(PackageEmbedder):
    """PANN (Cnn14, AudioSet, 16 kHz): the layer before the classes, of a clip of any length from 0.32 s.

    Kong et al. (2020), "PANNs: Large-scale pretrained audio neural networks for audio pattern recognition"
    (arXiv:1912.10211).
    """

    name = "pann"
    sample_rate = 16000
    dimensions = 2048
    least = 5120  # 32 spectrogram frames, which five poolings make one
    files = ("Cnn14_16k_mAP%3D0.438.pth",)
    libraries = ("torchlibrosa",)


class Encodec(PackageEmbedder):
    """EnCodec (24 kHz) before it is quantised: the encoder's output, averaged over the clip's frames of 320 samples.

    Défossez et al. (2022), "High fidelity neural audio compression" (arXiv:2210.13438).
    """

    name = "encodec"
    sample_rate = 24000
    dimensions = 128
    least = 320
    files = ("checkpoints/encodec_24khz-d7cc33bc.th",)
    libraries = ("encodec",)


def use_hub(checkpoints: Path | None) -> Path:
    """The hub's cache, within `checkpoints` where that is named; it counts for the rest of this process."""
    if checkpoints is not None:
        # Read by the hub's library when it is imported, which is later.
        os.environ["HF_HOME"] = str(checkpoints.absolute() / HUB_FOLDER)
        os.environ.pop("HF_HUB_CACHE", None)
    home = Path(os.environ.get("HF_HOME", "~/.cache/huggingface")).expanduser()
    return Path(os.environ.get("HF_HUB_CACHE") or home / "hub")


@functools.cache
def reachable(url: str) -> bool:
    """Whether a server answers at all, through a proxy where one is set; asked once in a process."""
    try:
        with urlopen(Request(url, method="HEAD"), timeout=ANSWER_SECONDS):
            return True
    except HTTPError:
        return True
    except (OSError, ValueError):  # no network, no such host, no answer, no such proxy
        return False


def hash_of_weights(model: torch.nn.Module) -> str:
    """SHA-256 of every tensor of a network, its name and its shape, in hexadecimal."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} ".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _load_only_weights() -> None:
    """From now on a checkpoint may hold tensors and numpy's numbers, but nothing that runs code when it is loaded."""
    os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"  # wins over what the package and torch.hub ask for
    # What numpy's numbers and arrays are made of when they are stored: found on such, because numpy keeps it private.
    makers: list[Any] = [np.float64(0).__reduce__()[0], np.zeros(0).__reduce__()[0], np.ndarray, np.dtype]
    makers += [type(np.dtype(kind)) for kind in (np.float64, np.float32, np.int64, np.int32)]
    torch.serialization.add_safe_globals(makers)
