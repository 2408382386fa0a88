"""The priors that are fitted to frozen latents."""

from dataclasses import dataclass
from typing import Literal

from flowshot.core.sections import Section, require


@dataclass(frozen=True)
class OwnPriorConfig(Section):
    """The prior that the autoencoder was trained with has nothing to set."""


@dataclass(frozen=True)
class FlowPriorConfig(Section):
    """A normalizing flow fitted to frozen latents."""

    kind: Literal["nsf", "realnvp", "maf", "iaf"]
    layers: int
    width: int
    steps: int
    batch_size: int
    learning_rate: float

    def __post_init__(self) -> None:
        positive = (self.layers, self.width, self.steps, self.batch_size, self.learning_rate)
        require(min(positive) > 0, "every value must be above 0")


@dataclass(frozen=True)
class GaussianMixturePriorConfig(Section):
    """A mixture of up to `components` Gaussians with full covariances, fitted by expectation maximisation."""

    components: int
    iterations: int
    tolerance: float

    def __post_init__(self) -> None:
        require(min(self.components, self.iterations, self.tolerance) > 0, "every value must be above 0")


@dataclass(frozen=True)
class RectifiedFlowPriorConfig(Section):
    """A rectified flow: its velocity network, the times that it learns at, and how its equation is solved.

    `solver` and `solver_steps` are of samples; the density takes `density_steps` of Heun's method, with the exact
    trace up to `exact_trace_size` dimensions and an estimate from `probes` random directions above.
    """

    layers: int
    width: int
    steps: int
    batch_size: int
    learning_rate: float
    time_mean: float
    time_scale: float
    solver: Literal["euler", "heun"]
    solver_steps: int
    density_steps: int
    exact_trace_size: int
    probes: int

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

    fidelity: float
    bins: int
    layers: int
    kernel_size: int
    cycle: int
    width: int
    skip: int
    steps: int
    batch_size: int
    learning_rate: float

    def __post_init__(self) -> None:
        require(0 < self.fidelity <= 1, "fidelity must be above 0, and 1 at most")
        require(self.bins >= 2, "bins must be at least 2")
        sizes = (self.layers, self.kernel_size, self.cycle, self.width, self.skip, self.steps, self.batch_size)
        require(min(*sizes, self.learning_rate) > 0, "every value must be above 0")
