"""Copies have nothing to set."""

from dataclasses import dataclass

from flowshot.core.sections import Section


@dataclass(frozen=True)
class CopiesConfig(Section):
    """Copies have nothing to set."""
