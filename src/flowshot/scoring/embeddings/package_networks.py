"""The four networks of the package frechet-audio-distance: CLAP, VGGish, PANN and EnCodec."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from flowshot.scoring.config import PolicyConfig
from flowshot.scoring.embeddings.fad_package import PackageEmbedder


class Clap(PackageEmbedder):
    """The audio branch of CLAP (LAION), which brings sounds and their descriptions together, on windows of 10 s.

    Wu et al. (2023), "Large-scale contrastive language-audio pretraining with feature fusion and keyword-to-caption
    augmentation" (arXiv:2211.06687); the checkpoint is `630k-audioset-best`, without fusion. Given other lengths, the
    package repeats short clips and cuts long ones at random. Every window has the length of its input here, so that
    neither happens, and the clip policy says what does.
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
    origin = "https://huggingface.co"
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
    origin = "https://github.com"
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
    origin = "https://zenodo.org"
    libraries = ("torchlibrosa",)


class Encodec(PackageEmbedder):
    """EnCodec (24 kHz) before it is quantised: the encoder's output, averaged over the clip's frames of 320 samples.

    Défossez et al. (2022), "High fidelity neural audio compression" (arXiv:2210.13438). The package counts every frame
    as a sample of its own; frames of one clip are not independent, so a clip is one vector here.
    """

    name = "encodec"
    sample_rate = 24000
    dimensions = 128
    least = 320
    files = ("checkpoints/encodec_24khz-d7cc33bc.th",)
    origin = "https://dl.fbaipublicfiles.com"
    libraries = ("encodec",)


NETWORKS: dict[str, type[PackageEmbedder]] = {each.name: each for each in (Clap, Vggish, Pann, Encodec)}
