"""How each metric is shown: its title, which direction is better, and which table it belongs to.

A new metric needs one entry here; one without an entry appears in the quality table under its own name.
"""

from dataclasses import dataclass
from typing import Literal

TableName = Literal["quality", "distances", "coverage", "diversity", "reconstruction", "autoencoder"]
# The tables that compare generated clips with real ones; the others are about autoencoders.
COMPARE_CLIPS: tuple[TableName, ...] = ("quality", "distances", "coverage", "diversity")


@dataclass(frozen=True)
class Metric:
    """One metric of `results.csv` as a column."""

    name: str
    title: str
    better: Literal["lower", "higher"] | None = None
    table: TableName = "quality"
    # Where only the arms of one autoencoder compare, because the metric is measured in its latent space.
    within_autoencoder: bool = False
    whole: bool = False  # a count, shown with all of its digits
    over_clips: bool = True  # its `n` is the number of clips that were compared
    scale: float = 1.0  # tables show the value times this, and the title says so


METRICS = {
    metric.name: metric
    for metric in (
        Metric("fad", "FAD", "lower"),
        Metric("kid", "KID ×10³", "lower", scale=1000.0),  # noqa: RUF001
        Metric("prior_nats", "prior NLL (nats)", "lower", within_autoencoder=True),
        Metric("prior_bits", "prior NLL (bits/dimension)", "lower", within_autoencoder=True),
        Metric("clips_per_second", "clips/s", "higher"),
        # Real clips have one by chance, and less than that is no better. Its n leaves out silent clips.
        Metric("constant_tone", "shared tone (dB)", over_clips=False),
        Metric("fad_infinity", "FAD-infinity", "lower", "distances"),
        Metric("kad", "KAD ×10³", "lower", "distances", scale=1000.0),  # noqa: RUF001
        # A p-value is no degree of quality: once two arms differ from real clips, it does not order them.
        Metric("kid_p", "p (KID)", None, "distances"),
        Metric("kad_p", "p (KAD)", None, "distances"),
        Metric("precision", "precision", "higher", "coverage"),
        Metric("recall", "recall", "higher", "coverage"),
        Metric("density", "density", "higher", "coverage"),
        Metric("coverage", "coverage", "higher", "coverage"),
        Metric("vendi", "Vendi", "higher", "diversity"),
        Metric("label_diversity", "label diversity", "higher", "diversity"),
        Metric("authenticity", "authenticity", "higher", "diversity"),
        # As far as real clips are from training clips is best, which is 1: less is copying, more is another sound.
        Metric("training_distance", "training distance", None, "diversity"),
        Metric("mrstft", "MR-STFT", "lower", "reconstruction"),
        Metric("log_spectral_distance", "LSD (dB)", "lower", "reconstruction"),
        Metric("si_sdr", "SI-SDR (dB)", "higher", "reconstruction"),
        Metric("envelope_correlation", "envelope correlation", "higher", "reconstruction"),
        # More or less of these is not better or worse by itself.
        Metric("kl", "KL (nats)", None, "autoencoder"),
        Metric("mutual_information", "mutual information (nats)", None, "autoencoder"),
        Metric("marginal_kl", "marginal KL (nats)", None, "autoencoder"),
        Metric("active_units", "active units", None, "autoencoder"),
        # Of the training's own loss, validation minus training clips; where it is small, a larger model may pay.
        Metric("reconstruction_gap", "generalisation gap (loss)", None, "autoencoder", over_clips=False),
        Metric("parameters", "parameters", None, "autoencoder", whole=True, over_clips=False),
        Metric("train_seconds", "training (s)", None, "autoencoder", over_clips=False),
    )
}

EMBEDDINGS = {
    "yamnet": "YAMNet",
    "logmel": "log-mel",
    "aisfx": "aiSFX",
    "clap": "CLAP",
    "vggish": "VGGish",
    "pann": "PANN",
    "encodec": "EnCodec",
    "mel": "mel",
}


def metric(name: str) -> Metric:
    """The entry of a metric; one that is not registered is shown by its name, without a direction."""
    return METRICS.get(name) or Metric(name, name)


def embedding_title(name: str) -> str:
    """As a reader knows it."""
    return EMBEDDINGS.get(name, name)


def in_order(embeddings: set[str]) -> list[str]:
    """Embeddings in the order of the tables; those without a title last."""
    return [name for name in (*EMBEDDINGS, *sorted(embeddings - set(EMBEDDINGS))) if name in embeddings]
