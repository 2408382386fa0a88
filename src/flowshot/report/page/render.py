"""The page as one file of HTML: templates, style and script of this folder, with everything escaped."""

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flowshot.report.language import Words

FOLDER = Path(__file__).parent


def render(context: Mapping[str, Any], words: Words) -> str:
    """The page, from what `page.html` names.

    Its content security policy allows the style and the script of this folder by their hashes and nothing else: no
    network, and no script that a name brought along.
    """
    # Imported here because only the page needs it.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    blocks = {"trim_blocks": True, "lstrip_blocks": True}
    environment = Environment(loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, **blocks)
    environment.globals["_"] = words
    environment.globals["number"] = lambda value: words.number(f"{value:.3g}")
    style, script = ((FOLDER / name).read_text(encoding="utf-8") for name in ("style.css", "script.js"))
    return environment.get_template("page.html").render(
        **context,
        language=words.language,
        style=Markup(style),  # as they are, or their hashes would not be those of the policy
        script=Markup(script),
        style_hash=Markup(policy_hash(style)),
        script_hash=Markup(policy_hash(script)),
    )


def policy_hash(text: str) -> str:
    """How a content security policy names an inline element by its text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
