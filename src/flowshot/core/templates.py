"""Text from templates that lie beside the code."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment


def templates(*folders: Path, **options: Any) -> "Environment":
    """The Jinja templates in `folders`: those of HTML escape everything, and a name that is not given is an error."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape  # only last steps need it

    options |= {"trim_blocks": True, "lstrip_blocks": True, "undefined": StrictUndefined}
    return Environment(loader=FileSystemLoader(folders), autoescape=select_autoescape(), **options)
