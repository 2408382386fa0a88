"""A plan: the axes of the factorial, and the budget of each training."""

from dataclasses import dataclass

from flowshot.core.errors import FlowshotError
from flowshot.core.sections import NAME, NAME_RULE, Section, require

REAL = "real"  # stands for the model in the scores and tables of real recordings
DIRECT = "direct"  # stands for the prior of a generator, which has none
RECONSTRUCTION = "reconstruction"  # stands for the prior of test clips that were encoded and decoded
EXTERNAL = "external"  # stands for the model of clips that another program made
RESERVED = (REAL, DIRECT, RECONSTRUCTION, EXTERNAL)


def arm_names(text: str) -> tuple[str, str, str]:
    """The parts of `DATASET/AUTOENCODER/PRIOR`, or of `DATASET/GENERATOR` with `direct` for the prior.

    Raises:
        FlowshotError: it is neither.
    """
    parts = text.split("/")
    if len(parts) == 2:
        parts.append(DIRECT)
    if len(parts) != 3 or any(part in ("", ".", "..") for part in parts):
        raise FlowshotError(f"{text!r} is not an arm: expected DATASET/AUTOENCODER/PRIOR or DATASET/GENERATOR")
    return parts[0], parts[1], parts[2]


@dataclass(frozen=True)
class BudgetConfig(Section):
    """How long a model trains: the same for every arm that is compared."""

    steps: int
    batch_size: int

    def __post_init__(self) -> None:
        require(self.steps > 0 and self.batch_size > 0, "steps and batch_size must be above 0")


@dataclass(frozen=True)
class PlanConfig(Section):
    """The axes of the factorial and the budget of each arm.

    An arm is an autoencoder with a prior, or a generator, which has no latent and draws clips directly.
    """

    name: str
    datasets: tuple[str, ...]
    autoencoders: tuple[str, ...]
    generators: tuple[str, ...]
    priors: tuple[str, ...]
    seeds: tuple[int, ...]
    budget: BudgetConfig
    clips: int | None  # that an arm draws, where not `sample.clips`

    def __post_init__(self) -> None:
        require(NAME.fullmatch(self.name) is not None, f"name {NAME_RULE}, found {self.name!r}")
        for axis in ("datasets", "autoencoders", "generators", "priors", "seeds"):
            values = getattr(self, axis)
            require(len(set(values)) == len(values), f"{axis} names one twice")
        require(bool(self.datasets), "datasets must name at least one")
        require(bool(self.seeds), "seeds must name at least one")
        require(bool(self.autoencoders or self.generators), "autoencoders or generators must name at least one")
        require(bool(self.priors) or not self.autoencoders, "priors must name at least one")
        require(self.clips is None or self.clips > 1, "clips must be at least 2, or null")
        both = sorted({*self.autoencoders} & {*self.generators})
        require(
            not both, f"{', '.join(both)} cannot be both an autoencoder and a generator: their folders are the same"
        )

    @property
    def models(self) -> tuple[str, ...]:
        """All models of the plan."""
        return (*self.autoencoders, *self.generators)

    @property
    def arms(self) -> tuple[tuple[str, str], ...]:
        """Every (model, prior) of the plan, without datasets and seeds."""
        fitted = ((autoencoder, prior) for autoencoder in self.autoencoders for prior in self.priors)
        return (*fitted, *((generator, DIRECT) for generator in self.generators))
