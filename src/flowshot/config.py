"""What `params.yaml` may say, as frozen dataclasses: the names, types and limits of every section.

This module needs nothing but the standard library, because models and training run where only torch,
numpy and nflows are. Reading and checking the file is done in `flowshot.params`.
"""

import dataclasses
import re
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

FlowKind = Literal["none", "nsf", "realnvp", "maf", "iaf"]
Activation = Literal["silu", "snake"]
Source = Literal["synth", "samples", "samples_original", "fx", "tracks", "folder"]

# Datasets, autoencoders and plans name folders and stages.
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
PARTS_NEEDED = (
    "free_bits_of: dimension needs an autoencoder without flows, whose divergence is a sum over dimensions; "
    "use free_bits_of: total"
)
NAME_RULE = "must consist of letters, digits, `_` and `-`"


class Section:
    """A part of `params.yaml`: unknown keys, other types than the declared ones, and infinite numbers are errors."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "strict": True, "allow_inf_nan": False}


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


def _require_pattern(text: str, name: str) -> None:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{name} is no regular expression: {error}") from None


@dataclass(frozen=True)
class SplitConfig(Section):
    """Fractions of the groups that go to training, validation and test; they sum to 1."""

    train: float = 0.8
    valid: float = 0.1
    test: float = 0.1

    def __post_init__(self) -> None:
        _require(min(self.train, self.valid, self.test) > 0, "every split must be above 0")
        _require(abs(self.train + self.valid + self.test - 1) < 1e-6, "train + valid + test must be 1")


@dataclass(frozen=True)
class DatasetConfig(Section):
    """How the audio of one source becomes clips of one length and sample rate."""

    source: Source
    path: str | None = None
    sample_rate: int = 16000
    clip_seconds: float = 1.0
    cut: Literal["file", "windows"] = "file"
    hop_seconds: float = 1.0
    level: Literal["none", "peak", "rms"] = "peak"
    level_db: float = -1.0
    silence_db: float = -60.0
    minimum_seconds: float = 0.02
    pad: Literal["end", "repeat"] = "end"
    fade_seconds: float = 0.005
    near_duplicates: Literal["keep", "drop"] = "keep"
    split: SplitConfig = field(default_factory=SplitConfig)
    exclude: str = ""
    group: str = ""
    seed: int = 0

    def __post_init__(self) -> None:
        _require(
            (self.source == "folder") == (self.path is not None), "`path` belongs to source `folder`, and only to it"
        )
        _require(1000 <= self.sample_rate <= 384_000, "sample_rate must lie between 1000 and 384000")
        _require(0 < self.clip_seconds <= 60, "clip_seconds must lie between 0 and 60")
        _require(self.hop_seconds > 0, "hop_seconds must be above 0")
        _require(self.level_db <= 0, "level_db must not be above 0")
        _require(self.silence_db < 0, "silence_db must be below 0")
        _require(0 <= self.fade_seconds < self.clip_seconds, "fade_seconds must lie between 0 and clip_seconds")
        _require(self.clip_samples > 0, "clip_seconds must hold at least one sample")
        _require_pattern(self.exclude, "exclude")
        _require_pattern(self.group, "group")

    @property
    def clip_samples(self) -> int:
        """Length of a clip in samples."""
        return round(self.clip_seconds * self.sample_rate)


@dataclass(frozen=True)
class AutoencoderConfig(Section):
    """The VAE: its front end, widths and depths, latent size, and the flows in posterior and prior."""

    front_end: Literal["pqmf", "strided"] = "pqmf"
    bands: int = 32
    latent_size: int = 64
    channels: tuple[int, ...] = (64, 128, 256)
    decoder_channels: tuple[int, ...] = ()
    strides: tuple[int, ...] = (4, 4, 2)
    encoder_dilations: tuple[int, ...] = (1,)
    decoder_dilations: tuple[int, ...] = (1, 3)
    kernel_size: int = 3
    activation: Activation = "silu"
    upsampling: Literal["linear", "transposed"] = "linear"
    pooling: Literal["flatten", "mean"] = "flatten"
    envelope: bool = True
    noise: bool = True
    posterior_flow: FlowKind = "none"
    prior_flow: FlowKind = "none"
    flow_layers: int = 4
    flow_width: int = 128

    def __post_init__(self) -> None:
        _require(len(self.channels) == len(self.strides) > 0, "channels and strides must have the same length")
        _require(min(self.channels) > 0 and min(self.strides) > 0, "channels and strides must be above 0")
        _require(
            len(self.decoder_channels) in (0, len(self.strides)) and min((*self.decoder_channels, 1)) > 0,
            "decoder_channels must be empty, or have the length of strides and be above 0",
        )
        _require(min(*self.encoder_dilations, *self.decoder_dilations, 1) > 0, "dilations must be above 0")
        _require(self.latent_size >= 2, "latent_size must be at least 2")
        _require(self.kernel_size % 2 == 1 and self.kernel_size > 0, "kernel_size must be odd")
        _require(self.bands >= 2 and self.bands & (self.bands - 1) == 0, "bands must be a power of two")
        _require(self.flow_layers > 0 and self.flow_width > 0, "flow_layers and flow_width must be above 0")


@dataclass(frozen=True)
class LossConfig(Section):
    """Weights of the reconstruction terms; 0 switches a term off."""

    TERMS: ClassVar[tuple[str, ...]] = (
        "linear_stft", "log_stft", "mel", "energy", "loudness", "transient", "waveform",
    )  # fmt: skip

    fft_sizes: tuple[int, ...] = (2048, 512, 128)
    linear_stft: float = 20.0
    log_stft: float = 20.0
    log_floors: tuple[float, ...] = (1e-4,)
    mel: float = 0.0
    mel_bands: int = 64
    energy: float = 2.0
    loudness: float = 0.0
    transient: float = 0.0
    waveform: float = 1.0
    likelihood: Literal["none", "laplace", "gaussian"] = "none"
    likelihood_scale: float = 0.05

    def __post_init__(self) -> None:
        _require(self.likelihood_scale > 0, "likelihood_scale must be above 0")
        _require(len(self.fft_sizes) > 0 and min(self.fft_sizes) >= 16, "fft_sizes must be at least 16 samples")
        _require(len(self.log_floors) > 0 and min(self.log_floors) > 0, "log_floors must name values above 0")
        _require(self.mel_bands >= 8, "mel_bands must be at least 8")
        weights = [getattr(self, term) for term in self.TERMS]
        _require(min(weights) >= 0 and max(weights) > 0, "weights must not be negative, and one must be above 0")


@dataclass(frozen=True)
class BudgetConfig(Section):
    """How long an autoencoder trains: the same for every arm that is compared."""

    steps: int
    batch_size: int

    def __post_init__(self) -> None:
        _require(self.steps > 0 and self.batch_size > 0, "steps and batch_size must be above 0")


@dataclass(frozen=True)
class AdversarialConfig(Section):
    """The second phase of training, against discriminators: the last `share` of the steps; 0 leaves it out."""

    share: float = 0.0
    freeze_encoder: bool = True
    loss: Literal["hinge", "least_squares"] = "hinge"
    adversarial: float = 20.0
    feature_matching: float = 20.0
    warmup_steps: int = 50
    learning_rate: float = 2e-3
    gradient_clip: float = 1.0
    noise: float = 1e-3
    fft_sizes: tuple[int, ...] = (2048, 512, 128)
    periods: tuple[int, ...] = ()
    scales: tuple[int, ...] = ()
    width: int = 8

    def __post_init__(self) -> None:
        _require(0 <= self.share <= 1, "share must lie between 0 and 1")
        _require(self.share < 1 or not self.freeze_encoder, "share 1 with freeze_encoder would never train the encoder")
        weights = (self.adversarial, self.feature_matching)
        _require(min(weights) >= 0 and max(weights) > 0, "weights must not be negative, and one must be above 0")
        _require(self.learning_rate > 0 and self.gradient_clip > 0, "learning_rate and gradient_clip must be above 0")
        _require(self.warmup_steps >= 0 and self.noise >= 0, "warmup_steps and noise must not be negative")
        _require(
            len(self.fft_sizes + self.periods + self.scales) > 0, "name at least one of fft_sizes, periods, scales"
        )
        _require(min((*self.fft_sizes, 16)) >= 16, "fft_sizes must be at least 16 samples")
        _require(min(*self.periods, *self.scales, self.width, 1) > 0, "periods, scales and width must be above 0")


@dataclass(frozen=True)
class AugmentConfig(Section):
    """How much training clips are changed on the fly; 0 switches a change off."""

    probability: float = 0.5
    speed_semitones: float = 0.0
    jitter_seconds: float = 0.0
    mix_level: float = 0.0
    filter_db: float = 0.0
    gain_db: float = 0.0
    polarity: bool = False

    def __post_init__(self) -> None:
        _require(0 <= self.probability <= 1, "probability must lie between 0 and 1")
        _require(0 <= self.mix_level <= 1, "mix_level must lie between 0 and 1")
        _require(0 <= self.speed_semitones <= 12, "speed_semitones must lie between 0 and 12")
        _require(0 <= self.filter_db <= 24, "filter_db must lie between 0 and 24")
        _require(min(self.jitter_seconds, self.gain_db) >= 0, "jitter_seconds and gain_db must not be negative")


@dataclass(frozen=True)
class TrainConfig(Section):
    """The training of an autoencoder, apart from its budget."""

    beta: float = 0.03
    beta_schedule: Literal["linear", "cyclical"] = "linear"
    beta_warmup_steps: int = 100
    beta_cycles: int = 4
    free_bits: float = 0.0
    free_bits_of: Literal["total", "dimension"] = "total"
    target_kl: float = 0.0
    aggressive_steps: int = 0
    on_collapse: Literal["warn", "fail"] = "warn"
    learning_rate: float = 1e-3
    warmup_steps: int = 50
    weight_decay: float = 0.0
    gradient_clip: float = 1.0
    log_every: int = 10
    validate_every: int = 100
    patience: int = 0
    average_decay: float = 0.0
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    threads: int = 0
    loss: LossConfig = field(default_factory=LossConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    adversarial: AdversarialConfig = field(default_factory=AdversarialConfig)

    def __post_init__(self) -> None:
        _require(self.beta >= 0, "beta must not be negative")
        _require(self.beta_cycles > 0, "beta_cycles must be above 0")
        _require(
            min(self.free_bits, self.target_kl, self.aggressive_steps) >= 0,
            "free_bits, target_kl and aggressive_steps must not be negative",
        )
        _require(self.beta > 0 or not self.target_kl, "target_kl needs a beta above 0 to start from")
        _require(not (self.free_bits and self.target_kl), "free_bits and target_kl work against each other: choose one")
        _require(self.weight_decay >= 0, "weight_decay must not be negative")
        _require(self.learning_rate > 0 and self.gradient_clip > 0, "learning_rate and gradient_clip must be above 0")
        _require(self.log_every > 0 and self.validate_every > 0, "log_every and validate_every must be above 0")
        _require(
            min(self.beta_warmup_steps, self.warmup_steps, self.threads) >= 0, "steps and threads must not be negative"
        )
        _require(self.patience >= 0, "patience must not be negative")
        _require(0 <= self.average_decay < 1, "average_decay must lie between 0 and below 1")


@dataclass(frozen=True)
class PlanConfig(Section):
    """The axes of the factorial and the budget of each arm."""

    name: str
    datasets: tuple[str, ...]
    autoencoders: tuple[str, ...]
    priors: tuple[str, ...]
    seeds: tuple[int, ...]
    budget: BudgetConfig

    def __post_init__(self) -> None:
        _require(NAME.fullmatch(self.name) is not None, f"name {NAME_RULE}, found {self.name!r}")
        for axis in ("datasets", "autoencoders", "priors", "seeds"):
            values = getattr(self, axis)
            _require(len(values) > 0, f"{axis} must name at least one")
            _require(len(set(values)) == len(values), f"{axis} names one twice")


@dataclass(frozen=True)
class OwnPriorConfig(Section):
    """The prior that the autoencoder was trained with has nothing to set."""


@dataclass(frozen=True)
class FlowPriorConfig(Section):
    """A normalizing flow fitted to frozen latents."""

    kind: Literal["nsf", "realnvp", "maf", "iaf"] = "nsf"
    layers: int = 4
    width: int = 128
    steps: int = 300
    batch_size: int = 256
    learning_rate: float = 2e-3

    def __post_init__(self) -> None:
        positive = (self.layers, self.width, self.steps, self.batch_size, self.learning_rate)
        _require(min(positive) > 0, "every value must be above 0")


@dataclass(frozen=True)
class GaussianMixturePriorConfig(Section):
    """A mixture of up to `components` Gaussians with full covariances, fitted by expectation maximisation."""

    components: int = 8
    iterations: int = 100
    tolerance: float = 1e-4

    def __post_init__(self) -> None:
        _require(min(self.components, self.iterations, self.tolerance) > 0, "every value must be above 0")


@dataclass(frozen=True)
class PriorsConfig(Section):
    """One section for each kind of prior."""

    own: OwnPriorConfig = field(default_factory=OwnPriorConfig)
    nf: FlowPriorConfig = field(default_factory=FlowPriorConfig)
    gmm: GaussianMixturePriorConfig = field(default_factory=GaussianMixturePriorConfig)


@dataclass(frozen=True)
class SampleConfig(Section):
    """How clips are drawn from an arm."""

    batch_size: int = 64

    def __post_init__(self) -> None:
        _require(self.batch_size > 0, "batch_size must be above 0")


@dataclass(frozen=True)
class PolicyConfig(Section):
    """How a clip becomes what an embedding hears: kept with every number, since others do not compare with it."""

    pad: Literal["zero", "repeat"] = "zero"
    window_seconds: float | None = None
    hop: float = 1.0
    level: Literal["none", "peak", "rms"] = "none"
    level_db: float = -1.0
    channels: Literal["mix", "first"] = "mix"

    def __post_init__(self) -> None:
        _require(self.window_seconds is None or 0 < self.window_seconds <= 60, "window_seconds must lie in 0 to 60")
        _require(0 < self.hop <= 1, "hop must be above 0, and 1 at most, or something would not be heard")
        _require(self.level_db <= 0, "level_db must not be above 0")


@dataclass(frozen=True)
class ScoreConfig(Section):
    """What is measured of generated clips, and how certain it has to be."""

    embeddings: tuple[str, ...] = ("yamnet", "logmel")
    metrics: tuple[str, ...] = (
        "fad", "fad_infinity", "kid", "kid_p", "kad", "kad_p", "precision", "recall", "density", "coverage", "vendi",
        "label_diversity", "authenticity", "training_distance",
    )  # fmt: skip
    neighbours: int = 5
    splits: int = 4
    folds: int = 10
    bootstrap: int = 1000
    permutations: int = 1000
    confidence: float = 0.95
    checkpoints: str | None = None
    on_bad_clip: Literal["fail", "skip"] = "fail"
    policy: PolicyConfig = field(default_factory=PolicyConfig)

    def __post_init__(self) -> None:
        _require(self.folds >= 2 and self.bootstrap >= 2, "folds and bootstrap must be at least 2")
        _require(
            min(self.neighbours, self.splits, self.permutations) >= 1,
            "neighbours, splits and permutations must be at least 1",
        )
        _require(len(set(self.metrics)) == len(self.metrics), "metrics names one twice")
        _require(0 < self.confidence < 1, "confidence must lie between 0 and 1")


@dataclass(frozen=True)
class ReportConfig(Section):
    """How tables are written."""

    digits: int = 3

    def __post_init__(self) -> None:
        _require(1 <= self.digits <= 10, "digits must lie between 1 and 10")


def to_dict(section: Any) -> dict[str, Any]:
    """The section as plain values, for `config.json` and for logging."""
    return dataclasses.asdict(section)
