"""The priors that are fitted to frozen latents."""

from dataclasses import dataclass, field
from typing import Literal

from flowshot.core.sections import Section, require


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
        require(min(positive) > 0, "every value must be above 0")


@dataclass(frozen=True)
class GaussianMixturePriorConfig(Section):
    """A mixture of up to `components` Gaussians with full covariances, fitted by expectation maximisation."""

    components: int = 8
    iterations: int = 100
    tolerance: float = 1e-4

    def __post_init__(self) -> None:
        require(min(self.components, self.iterations, self.tolerance) > 0, "every value must be above 0")


@dataclass(frozen=True)
class RectifiedFlowPriorConfig(Section):
    """A rectified flow: its velocity network, the times that it learns at, and how its equation is solved.

    `solver` and `solver_steps` are of samples; the density takes `density_steps` of Heun's method, with the exact
    trace up to `exact_trace_size` dimensions and an estimate from `probes` random directions above.
    """

    layers: int = 3
    width: int = 128
    steps: int = 600
    batch_size: int = 256
    learning_rate: float = 2e-3
    time_mean: float = 0.0
    time_scale: float = 1.0
    solver: Literal["euler", "heun"] = "heun"
    solver_steps: int = 32
    density_steps: int = 20
    exact_trace_size: int = 64
    probes: int = 8

    def __post_init__(self) -> None:
        sizes = (self.layers, self.width, self.steps, self.batch_size, self.solver_steps, self.density_steps)
        require(
            min(*sizes, self.probes, self.learning_rate, self.time_scale) > 0,
            "every value but time_mean and exact_trace_size must be above 0",
        )
        require(self.exact_trace_size >= 0, "exact_trace_size must not be negative")


@dataclass(frozen=True)
class RavePriorConfig(Section):
    """RAVE's prior: the part of the variance that it predicts, its bins, and its network."""

    fidelity: float = 0.95
    bins: int = 32
    layers: int = 10
    kernel_size: int = 3
    cycle: int = 4
    width: int = 64
    skip: int = 64
    steps: int = 300
    batch_size: int = 128
    learning_rate: float = 2e-3

    def __post_init__(self) -> None:
        require(0 < self.fidelity <= 1, "fidelity must be above 0, and 1 at most")
        require(self.bins >= 2, "bins must be at least 2")
        sizes = (self.layers, self.kernel_size, self.cycle, self.width, self.skip, self.steps, self.batch_size)
        require(min(*sizes, self.learning_rate) > 0, "every value must be above 0")


@dataclass(frozen=True)
class PriorsConfig(Section):
    """One section for each kind of prior."""

    own: OwnPriorConfig = field(default_factory=OwnPriorConfig)
    nf: FlowPriorConfig = field(default_factory=FlowPriorConfig)
    gmm: GaussianMixturePriorConfig = field(default_factory=GaussianMixturePriorConfig)
    rectified_flow: RectifiedFlowPriorConfig = field(default_factory=RectifiedFlowPriorConfig)
    rave: RavePriorConfig = field(default_factory=RavePriorConfig)
