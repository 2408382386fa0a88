"""CLAP (LAION), which brings sounds and their descriptions together, as 512-dimensional embeddings.

The checkpoint is `630k-audioset-best`, without fusion: HTSAT-tiny, 48 kHz. Wu et al. (2023), "Large-scale contrastive
language-audio pretraining with feature fusion and keyword-to-caption augmentation" (arXiv:2211.06687).
"""

from typing import Any

from flowshot.scoring.embeddings.fad_package import PackageEmbedder


class Clap(PackageEmbedder):
    """The audio branch of CLAP, on windows of 10 s.

    Given other lengths, the package repeats short clips and cuts long ones at random. Every window has the length
    of its input here, so that neither happens, and the clip policy says what does.
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

    def _options(self) -> dict[str, Any]:
        return {"submodel_name": "630k-audioset", "enable_fusion": False}
