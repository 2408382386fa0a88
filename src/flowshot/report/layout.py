"""What a table is made of, before it becomes Markdown, LaTeX or CSV."""

from dataclasses import dataclass

from flowshot.report.language import Words
from flowshot.report.registry import EMBEDDINGS, Metric
from flowshot.report.results import EXTERNAL, REAL, RECONSTRUCTION


@dataclass(frozen=True)
class Column:
    """A metric under one embedding ("none" where it needs none)."""

    metric: Metric
    embedding: str
    decimals: int = 0
    fewest: int = 0  # clips that a value needs in the embedding's dimensions

    @property
    def by(self) -> str:
        """The embedding's title, empty where there is none."""
        return "" if self.embedding == "none" else EMBEDDINGS.get(self.embedding, self.embedding)

    def text(self, value: float) -> str:
        """A number of this column in English; all have the same decimals, so that they line up and compare."""
        rounded = round(value * self.metric.scale, self.decimals) + 0.0  # no negative zero
        return f"{rounded:,.{self.decimals}f}" if self.metric.whole else f"{rounded:.{self.decimals}f}"

    def is_constant(self, cell: "Cell") -> bool:
        """Whether a count was the same for every seed, so that a spread says nothing."""
        return self.metric.whole and cell.spread == 0


@dataclass(frozen=True)
class Cell:
    """The mean over seeds, with their standard deviation; or one seed's value, with its own interval."""

    value: float
    spread: float | None
    interval: tuple[float, float] | None
    best: bool = False
    few: bool = False  # from too few clips for the dimension of the embedding


@dataclass(frozen=True)
class Row:
    """An arm, with a cell or None for each column."""

    autoencoder: str
    prior: str
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True)
class Table:
    """A table of one dataset: the floor, the arms and the reconstructions are groups of their own."""

    name: str
    dataset: str
    caption: tuple[str, ...]  # sentences
    columns: tuple[Column, ...]
    groups: tuple[tuple[Row, ...], ...]
    shows_prior: bool
    words: Words  # its language; `caption` is written in it already, titles and numbers are not


def labels_of(row: Row, table: Table) -> list[str]:
    """What stands at the left of a row; what no one named in `params.yaml` in the language of the table."""
    if not table.shows_prior:
        return [row.autoencoder]
    if row.autoencoder == REAL:
        return [table.words.name("real (floor)"), ""]
    autoencoder = table.words.name(EXTERNAL) if row.autoencoder == EXTERNAL else row.autoencoder
    return [autoencoder, table.words.name(RECONSTRUCTION) if row.prior == RECONSTRUCTION else row.prior]


def is_set_apart(row: Row, table: Table) -> bool:
    """Whether a row is no arm: the floor, an external system, or a reconstruction."""
    return table.shows_prior and (row.autoencoder in (REAL, EXTERNAL) or row.prior == RECONSTRUCTION)
