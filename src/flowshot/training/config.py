"""How an autoencoder is trained: budget, losses, changes of clips, and the second phase."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from flowshot.core.sections import Section, require

PARTS_NEEDED = (
    "free_bits_of: dimension needs an autoencoder without flows, whose divergence is a sum over dimensions; "
    "use free_bits_of: total"
)
# Without draws both clips of a latent are the same, and nothing is taken off.
DRAWS_NEEDED = (
    "loss.repulsion needs a decoder that draws: set noise: true (or, of sub-bands, tones: 1), or repulsion: 0"
)

Precision = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True)
class LossConfig(Section):
    """Weights of the reconstruction terms; 0 switches a term off."""

    TERMS: ClassVar[tuple[str, ...]] = (
        "linear_stft", "log_stft", "mel", "energy", "loudness", "transient", "texture", "waveform",
    )  # fmt: skip

    fft_sizes: tuple[int, ...] = (2048, 512, 128)
    linear_stft: float = 0.0
    log_stft: float = 10.0
    log_floors: tuple[float, ...] = (1e-4,)
    mel: float = 20.0
    mel_bands: int = 64
    energy: float = 10.0
    loudness: float = 0.0
    transient: float = 0.0
    texture: float = 0.0
    waveform: float = 0.0
    repulsion: float = 0.0
    likelihood: Literal["none", "laplace", "gaussian"] = "none"
    likelihood_scale: float = 0.05

    def __post_init__(self) -> None:
        require(0 <= self.repulsion <= 1, "repulsion must lie between 0 and 1")
        require(
            self.repulsion == 0 or self.likelihood == "none",
            "repulsion acts on the terms of the loss, which a likelihood replaces: set one of the two",
        )
        require(self.likelihood_scale > 0, "likelihood_scale must be above 0")
        require(len(self.fft_sizes) > 0 and min(self.fft_sizes) >= 16, "fft_sizes must be at least 16 samples")
        require(len(self.log_floors) > 0 and min(self.log_floors) > 0, "log_floors must name values above 0")
        require(self.mel_bands >= 8, "mel_bands must be at least 8")
        weights = [getattr(self, term) for term in self.TERMS]
        require(min(weights) >= 0 and max(weights) > 0, "weights must not be negative, and one must be above 0")


@dataclass(frozen=True)
class BudgetConfig(Section):
    """How long an autoencoder trains: the same for every arm that is compared."""

    steps: int
    batch_size: int

    def __post_init__(self) -> None:
        require(self.steps > 0 and self.batch_size > 0, "steps and batch_size must be above 0")


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
        require(0 <= self.share <= 1, "share must lie between 0 and 1")
        require(self.share < 1 or not self.freeze_encoder, "share 1 with freeze_encoder would never train the encoder")
        weights = (self.adversarial, self.feature_matching)
        require(min(weights) >= 0 and max(weights) > 0, "weights must not be negative, and one must be above 0")
        require(self.learning_rate > 0 and self.gradient_clip > 0, "learning_rate and gradient_clip must be above 0")
        require(self.warmup_steps >= 0 and self.noise >= 0, "warmup_steps and noise must not be negative")
        require(len(self.fft_sizes + self.periods + self.scales) > 0, "name at least one of fft_sizes, periods, scales")
        require(min((*self.fft_sizes, 16)) >= 16, "fft_sizes must be at least 16 samples")
        require(min(*self.periods, *self.scales, self.width, 1) > 0, "periods, scales and width must be above 0")


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
        require(0 <= self.probability <= 1, "probability must lie between 0 and 1")
        require(0 <= self.mix_level <= 1, "mix_level must lie between 0 and 1")
        require(0 <= self.speed_semitones <= 12, "speed_semitones must lie between 0 and 12")
        require(0 <= self.filter_db <= 24, "filter_db must lie between 0 and 24")
        require(min(self.jitter_seconds, self.gain_db) >= 0, "jitter_seconds and gain_db must not be negative")


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
    precision: Precision = "auto"
    threads: int = 0
    loss: LossConfig = field(default_factory=LossConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    adversarial: AdversarialConfig = field(default_factory=AdversarialConfig)

    def __post_init__(self) -> None:
        require(self.beta >= 0, "beta must not be negative")
        require(self.beta_cycles > 0, "beta_cycles must be above 0")
        require(
            min(self.free_bits, self.target_kl, self.aggressive_steps) >= 0,
            "free_bits, target_kl and aggressive_steps must not be negative",
        )
        require(self.beta > 0 or not self.target_kl, "target_kl needs a beta above 0 to start from")
        require(not (self.free_bits and self.target_kl), "free_bits and target_kl work against each other: choose one")
        require(self.weight_decay >= 0, "weight_decay must not be negative")
        require(self.learning_rate > 0 and self.gradient_clip > 0, "learning_rate and gradient_clip must be above 0")
        require(self.log_every > 0 and self.validate_every > 0, "log_every and validate_every must be above 0")
        require(
            min(self.beta_warmup_steps, self.warmup_steps, self.threads) >= 0, "steps and threads must not be negative"
        )
        require(self.patience >= 0, "patience must not be negative")
        require(0 <= self.average_decay < 1, "average_decay must lie between 0 and below 1")
