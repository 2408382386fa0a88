"""The language of a report: English as written in the code, or Polish from `flowshot.report.polish`.

English sentences stand where they are used, and are the keys of their translations, so that a reader of the code reads
what a reader of the report reads. A test looks up every sentence of the code and compares the names in braces.
"""

from dataclasses import dataclass
from typing import Literal

from flowshot.report.polish import POLISH

Language = Literal["en", "pl"]
NO_BREAK_SPACE = "\u00a0"


@dataclass(frozen=True)
class Words:
    """Sentences and numbers of one language.

    words = Words("pl")
    words("One seed.")                       # "Jedno ziarno."
    words("dataset {dataset}", dataset="fx") # "zbiór fx"
    words.number("1,234.5")                  # "1 234,5", with a space that does not break
    """

    language: Language = "en"

    def __call__(self, english: str, **values: object) -> str:
        """A sentence of the report in this language, `{names}` replaced by `values`, which are not translated.

        Raises:
            KeyError: it has no translation.
        """
        text = english if self.language == "en" else POLISH[english]
        return text.format(**values) if values else text

    def name(self, english: str) -> str:
        """The title of a metric or a row; what has no translation, such as the name of an arm, stays as it is."""
        return english if self.language == "en" else POLISH.get(english, english)

    def number(self, text: str) -> str:
        """A number written in English, e.g. "4,213.5", as this language writes it."""
        return text if self.language == "en" else text.translate({ord(","): NO_BREAK_SPACE, ord("."): ","})

    def interval(self, low: str, high: str) -> str:
        """The ends of an interval, written in English; a semicolon where numbers hold commas."""
        between = ", " if self.language == "en" else "; "
        return f"[{self.number(low)}{between}{self.number(high)}]"
