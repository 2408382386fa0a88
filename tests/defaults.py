"""Configurations as `params.yaml` has them, with a test's own changes: the classes themselves have no defaults."""

from pathlib import Path

from flowshot.core.params import Params, check_section, merge, read_params

ROOT = Path(__file__).resolve().parent.parent
COMMITTED: Params = read_params(ROOT / "params.yaml")


def default(kind, section, /, **changes):
    """The section `section` of the committed params.yaml (dots for nested ones) as `kind`, with `changes`."""
    values = COMMITTED.values
    for part in section.split("."):
        values = values[part]
    return check_section(kind, merge(values or {}, changes), section)
