"""PANN (Cnn14, AudioSet, 16 kHz) as 2048-dimensional embeddings.

Kong et al. (2020), "PANNs: Large-scale pretrained audio neural networks for audio pattern recognition"
(arXiv:1912.10211).
"""

from flowshot.scoring.embeddings.fad_package import PackageEmbedder


class Pann(PackageEmbedder):
    """The layer before the classes. The network hears a clip of any length as a whole, from 0.32 s."""

    name = "pann"
    sample_rate = 16000
    dimensions = 2048
    least = 5120  # 32 spectrogram frames, which five poolings make one
    files = ("Cnn14_16k_mAP%3D0.438.pth",)
    origin = "https://zenodo.org"
    libraries = ("torchlibrosa",)
