"""Which exported RAVE it is."""

from dataclasses import dataclass

from flowshot.core.sections import Section, require


@dataclass(frozen=True)
class ExportedRaveConfig(Section):
    """A file that `rave export` wrote. It is code that runs here, so `trust` must be true.

    `delay` is by how many samples a streaming export is late.
    """

    path: str
    trust: bool
    delay: int

    def __post_init__(self) -> None:
        require(self.path != "", "path must name a file that `rave export` wrote")
        require(self.delay >= 0, "delay must not be negative")
