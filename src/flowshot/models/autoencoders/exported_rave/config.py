"""Which exported RAVE it is."""

from dataclasses import dataclass
from pathlib import Path

from flowshot.core.errors import FlowshotError
from flowshot.core.sections import Section, require


@dataclass(frozen=True)
class ExportedRaveConfig(Section):
    """A file that `rave export` wrote. It is code that runs here, so `trust` must be true.

    `delay` is the delay of a streaming export, in samples.
    """

    path: str
    trust: bool
    delay: int

    def __post_init__(self) -> None:
        require(self.path != "", "path must name a file that `rave export` wrote")
        require(self.delay >= 0, "delay must not be negative")

    @property
    def file(self) -> Path:
        """The file that `path` names."""
        return Path(self.path).expanduser()


def check_exported(config: ExportedRaveConfig, path: Path) -> None:
    """Raise FlowshotError where the file `path` is missing or not trusted; nothing of it is run."""
    if not path.is_file():
        raise FlowshotError(f"{path}: not found; `path` must name a file that `rave export` wrote")
    if not config.trust:
        raise FlowshotError(
            f"{path}: is not loaded, because an exported RAVE is TorchScript, which is code that would run here; if "
            "you trust its makers, set `trust: true` beside `path`"
        )
