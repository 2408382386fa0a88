"""VGGish (AudioSet), on which the Fréchet audio distance was first defined, as 128-dimensional embeddings.

The package runs code that torch.hub downloads from github.com/harritaylor/torchvggish, which is part of what is
computed: its hash stands among the libraries. Hershey et al. (2017), "CNN architectures for large-scale audio
classification" (arXiv:1609.09430).
"""

import hashlib
from pathlib import Path
from typing import Any

from flowshot.scoring.config import PolicyConfig
from flowshot.scoring.embeddings.fad_package import PackageEmbedder

REPOSITORY = "harritaylor_torchvggish"


class Vggish(PackageEmbedder):
    """The layer before the last activation, without the PCA, on windows of 0.975 s: 96 spectrogram frames."""

    name = "vggish"
    sample_rate = 16000
    dimensions = 128
    window = 15600
    files = (
        f"{REPOSITORY}_ma*/hubconf.py",  # main or master
        "checkpoints/vggish-10086976.pth",
        "checkpoints/vggish_pca_params-970ea276.pth",
    )
    origin = "https://github.com"
    libraries = ("resampy",)

    def __init__(self, policy: PolicyConfig | None = None, checkpoints: Path | None = None) -> None:
        super().__init__(policy, checkpoints)
        sources = sorted(Path(self.package.ckpt_dir).glob(f"{REPOSITORY}_ma*/**/*.py"))
        code = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
        self.runtime += f", torchvggish {code[:12]}"

    def _load(self, folder: Path) -> Any:
        # Without this line torch.hub asks on the terminal whether code may be downloaded and run. Who asks for vggish
        # has answered.
        folder.mkdir(parents=True, exist_ok=True)
        trusted = folder / "trusted_list"
        known = trusted.read_text(encoding="utf-8").splitlines() if trusted.exists() else []
        if REPOSITORY not in known:
            trusted.write_text("\n".join([*known, REPOSITORY]) + "\n", encoding="utf-8")
        return super()._load(folder)
