"""EnCodec (24 kHz) as 128-dimensional embeddings: what a neural codec keeps of a sound, before it is quantised.

Défossez et al. (2022), "High fidelity neural audio compression" (arXiv:2210.13438).
"""

from flowshot.scoring.embeddings.fad_package import PackageEmbedder


class Encodec(PackageEmbedder):
    """The encoder's output, averaged over the clip's frames of 320 samples.

    The package counts every frame as a sample of its own. Frames of one clip are not independent, and clips of
    different lengths would weigh differently: here a clip is one vector, as under every other embedding.
    """

    name = "encodec"
    sample_rate = 24000
    dimensions = 128
    least = 320
    files = ("checkpoints/encodec_24khz-d7cc33bc.th",)
    origin = "https://dl.fbaipublicfiles.com"
    libraries = ("encodec",)
