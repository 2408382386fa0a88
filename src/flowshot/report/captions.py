"""What a table says above its rows."""

from collections.abc import Sequence

import pandas as pd

from flowshot.core.plan import PlanConfig
from flowshot.report.language import Words
from flowshot.report.layout import Row
from flowshot.report.registry import COMPARE_CLIPS, TableName, metric
from flowshot.report.results import EXTERNAL, REAL

SUBJECTS: dict[TableName, str] = {
    "quality": "Quality of generated clips",
    "distances": "Distances of generated clips that do not depend on n, and whether they could be chance",
    "coverage": "Fidelity and diversity of generated clips",
    "diversity": "Diversity of generated clips, and whether they copy training clips",
    "reconstruction": "Autoencoders: reconstruction of test clips",
    "autoencoder": "Autoencoders: latent space and cost",
}
FEW = "† Too few clips for the dimension of the embedding: most of it is bias, which compares at equal n only."


def table_caption(
    name: TableName,
    shown: pd.DataFrame,
    plan: PlanConfig,
    dataset: str,
    confidence: float,
    rows: Sequence[Row],
    words: Words,
) -> tuple[str, ...]:
    """The sentences above a table of the scores `shown`."""
    cells = [cell for row in rows for cell in row.cells if cell]
    present = {row.autoencoder for row in rows if any(row.cells)}
    sentences = [_subject(words(SUBJECTS[name]), shown, dataset, words)]
    if present - {EXTERNAL, REAL}:
        sentences.append(budget(plan, words))
    sentences += _spread(len(plan.seeds), f"{confidence:.0%}", any(cell.interval for cell in cells), words)
    sentences.append(words("Best in bold.") if any(cell.best for cell in cells) else "")
    if name in COMPARE_CLIPS and REAL in present:
        sentences.append(words("Held-out real clips are the floor, reconstructed test clips what the decoder can do."))
    if EXTERNAL in present:
        sentences.append(words("External systems were not trained here; their clips come from a folder."))
    if any(metric(one).within_autoencoder for one in shown["metric"]):
        sentences.append(words("The prior's negative log-likelihood compares within one autoencoder only."))
    if any(metric(one).name.endswith("_p") for one in shown["metric"]):
        sentences.append(words("p: of a permutation test against the reference, with one clip of each source."))
    sentences.append(words(FEW) if any(cell.few for cell in cells) else "")
    return tuple(filter(None, sentences))


def budget(plan: PlanConfig, words: Words) -> str:
    """How long the plan trains each autoencoder."""
    return words(
        "Budget of every autoencoder: {steps} steps of {clips} clips.",
        steps=plan.budget.steps,
        clips=plan.budget.batch_size,
    )


def _subject(subject: str, shown: pd.DataFrame, dataset: str, words: Words) -> str:
    sizes = sorted(set(shown[[metric(one).over_clips for one in shown["metric"]]]["n"]))
    if not sizes:
        return words("{subject}, dataset {dataset}.", subject=subject, dataset=dataset)
    n = str(sizes[0]) if len(sizes) == 1 else words("{low} to {high}", low=sizes[0], high=sizes[-1])
    return words("{subject}, dataset {dataset}, n = {n}.", subject=subject, dataset=dataset, n=n)


def _spread(seeds: int, confidence: str, has_interval: bool, words: Words) -> list[str]:
    if seeds == 1 and has_interval:
        one = "One seed. With the {confidence} confidence interval over clips (not over trainings)."
        return [words(one, confidence=confidence)]
    if seeds == 1:
        return [words("One seed.")]
    spread = [words("Mean ± standard deviation over {seeds} seeds.", seeds=seeds)]
    alone = "What has one seed with its {confidence} confidence interval."
    return [*spread, words(alone, confidence=confidence)] if has_interval else spread
