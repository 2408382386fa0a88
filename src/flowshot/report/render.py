"""Text from the templates of this folder and of `page/`."""

import base64
import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from flowshot.core.templates import templates
from flowshot.report.language import Words
from flowshot.report.markup import escape_markdown

if TYPE_CHECKING:
    from jinja2 import Template

FOLDER = Path(__file__).parent


def template(name: str, words: Words) -> "Template":
    """A template in which `_` translates and `number` writes a number; those of HTML escape everything."""
    environment = templates(FOLDER, FOLDER / "page")
    environment.globals |= {"_": words, "number": lambda value: words.number(f"{value:.3g}")}
    # A minus is as wide as a digit, so that columns line up; a hyphen in a name stays one.
    environment.filters |= {
        "markdown": escape_markdown,
        "minus": lambda text: re.sub(r"(?<![\w-])-(?=\d)", "\u2212", text),
    }
    return environment.get_template(name)


def inline(name: str) -> tuple[str, str]:
    """A style or script of the page as it is, and how a content security policy names it by its hash.

    So the policy allows it and nothing else: no network, and no script that a name brought along.
    """
    from markupsafe import Markup

    text = (FOLDER / "page" / name).read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return Markup(text), Markup(f"'sha256-{digest}'")  # our own files
