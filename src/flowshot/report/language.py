"""The language of a report: English as written in the code, or Polish from the dictionary `polish.json`.

English sentences stand where they are used and are the keys of their translations; a test looks up every one.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Language = Literal["en", "pl"]
POLISH: dict[str, str] = json.loads(Path(__file__).with_name("polish.json").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Words:
    """Sentences and numbers of one language: `Words("pl")("One seed.")` is "Jedno ziarno."."""

    language: Language = "en"

    def __call__(self, english: str, **values: object) -> str:
        """The sentence in this language with `{names}` replaced by `values`; English where it has no translation."""
        text = english if self.language == "en" else POLISH.get(english, english)
        return text.format(**values) if values else text

    def number(self, text: str) -> str:
        """A number written in English, e.g. "4,213.5", as this language writes it."""
        return text if self.language == "en" else text.translate({ord(","): "\u00a0", ord("."): ","})

    def interval(self, low: str, high: str) -> str:
        """The ends of an interval, written in English; a semicolon where numbers hold commas."""
        between = ", " if self.language == "en" else "; "
        return f"[{self.number(low)}{between}{self.number(high)}]"
