"""The configuration of a training: losses and augmentation."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from flowshot.core.sections import Section, require

Precision = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True)
class LossConfig(Section):
    """FFT sizes and weights of the reconstruction terms (0 switches a term off), or a likelihood in their place."""

    TERMS: ClassVar[tuple[str, ...]] = ("log_stft", "mel", "energy")

    fft_sizes: tuple[int, ...]
    log_stft: float
    mel: float
    energy: float
    likelihood: Literal["none", "laplace", "gaussian"]
    likelihood_scale: float

    def __post_init__(self) -> None:
        require(self.likelihood_scale > 0, "likelihood_scale must be above 0")
        require(len(self.fft_sizes) > 0 and min(self.fft_sizes) >= 16, "fft_sizes must be at least 16 samples")
        weights = [getattr(self, term) for term in self.TERMS]
        require(min(weights) >= 0 and max(weights) > 0, "weights must not be negative, and one must be above 0")


@dataclass(frozen=True)
class AugmentConfig(Section):
    """How much training clips are changed on the fly; 0 switches a change off."""

    probability: float
    speed_semitones: float
    jitter_seconds: float
    filter_db: float
    gain_db: float
    polarity: bool

    def __post_init__(self) -> None:
        require(0 <= self.probability <= 1, "probability must lie between 0 and 1")
        require(0 <= self.speed_semitones <= 12, "speed_semitones must lie between 0 and 12")
        require(0 <= self.filter_db <= 24, "filter_db must lie between 0 and 24")
        require(min(self.jitter_seconds, self.gain_db) >= 0, "jitter_seconds and gain_db must not be negative")


@dataclass(frozen=True)
class TrainConfig(Section):
    """A training, apart from its budget; kinds of models use what applies to them."""

    beta: float
    beta_warmup_steps: int
    free_bits: float
    target_kl: float
    on_collapse: Literal["warn", "fail"]
    learning_rate: float
    warmup_steps: int
    gradient_clip: float
    log_every: int
    validate_every: int
    precision: Precision
    threads: int
    start_from: str | None
    loss: LossConfig
    augment: AugmentConfig

    def __post_init__(self) -> None:
        require(self.beta >= 0, "beta must not be negative")
        require(min(self.free_bits, self.target_kl) >= 0, "free_bits and target_kl must not be negative")
        require(self.beta > 0 or not self.target_kl, "target_kl needs a beta above 0 to start from")
        require(not (self.free_bits and self.target_kl), "free_bits and target_kl work against each other: choose one")
        require(self.learning_rate > 0 and self.gradient_clip > 0, "learning_rate and gradient_clip must be above 0")
        require(self.log_every > 0 and self.validate_every > 0, "log_every and validate_every must be above 0")
        least = min(self.beta_warmup_steps, self.warmup_steps, self.threads)
        require(least >= 0, "steps and threads must not be negative")
