"""The page of a listening test: one HTML file with its sounds in it."""

import base64
import hashlib
import json
from importlib.resources import files
from typing import Any

import numpy as np

from flowshot.clips.flac import flac_bytes
from flowshot.listening.design import Design

ID_DIGITS = 12


def flac_address(clip: np.ndarray, sample_rate: int) -> str:
    """A mono clip `[samples]` as 16-bit FLAC in a data URI, which every current browser plays without a server."""
    return "data:audio/flac;base64," + base64.b64encode(flac_bytes(clip, sample_rate)).decode("ascii")


def test_of(design: Design, audio: dict[str, str]) -> dict[str, Any]:
    """What the page is told: identifiers and sounds, and nothing of what they are of.

    Args:
        design: of which only identifiers are used.
        audio: data URI of each identifier.
    """
    content = {
        "screens": design.screens,
        "pairs": design.pairs,
        "example": design.example,
        # In the order of the identifiers, which are random.
        "clips": {name: audio[name] for name in sorted(audio)},
    }
    digest = hashlib.sha256(json.dumps(content).encode()).hexdigest()[:ID_DIGITS]
    return {"test": digest, **content}


def page_text(test: dict[str, Any]) -> str:
    """The whole page."""
    folder = files("flowshot.listening") / "web"
    names = ("page.html", "page.css", "listener.js", "page.js")
    text, style, *scripts = ((folder / name).read_text(encoding="utf-8") for name in names)
    # The only `<` that could end the element that holds it.
    data = json.dumps(test).replace("<", "\\u003c")
    return text.replace("/*STYLE*/", style).replace("/*SCRIPT*/", "\n".join(scripts)).replace("/*TEST*/", data)
