"""What a table says above its rows."""

from collections.abc import Sequence

import pandas as pd

from flowshot.config.plan import PlanConfig
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
    name: TableName, shown: pd.DataFrame, plan: PlanConfig, dataset: str, confidence: float, rows: Sequence[Row]
) -> tuple[str, ...]:
    """The sentences above a table of the scores `shown`."""
    counted = shown[[metric(one).over_clips for one in shown["metric"]]]
    sizes = sorted(set(counted["n"]))
    n = f", n = {sizes[0]}" if len(sizes) == 1 else f", n = {sizes[0]} to {sizes[-1]}" if sizes else ""
    cells = [cell for row in rows for cell in row.cells if cell]
    present = {row.autoencoder for row in rows if any(row.cells)}
    sentences = [f"{SUBJECTS[name]}, dataset {dataset}{n}."]
    if present - {EXTERNAL, REAL}:
        sentences.append(f"Budget of every autoencoder: {plan.budget.steps} steps of {plan.budget.batch_size} clips.")
    interval = f"{confidence:.0%} confidence interval"
    sentences.append(_spread(len(plan.seeds), interval, any(cell.interval for cell in cells)))
    sentences.append("Best in bold." if any(cell.best for cell in cells) else "")
    if name in COMPARE_CLIPS and REAL in present:
        sentences.append("Held-out real clips are the floor, reconstructed test clips what the decoder can do.")
    if EXTERNAL in present:
        sentences.append("External systems were not trained here; their clips come from a folder.")
    if any(metric(one).within_autoencoder for one in shown["metric"]):
        sentences.append("The prior's negative log-likelihood compares within one autoencoder only.")
    if any(metric(one).name.endswith("_p") for one in shown["metric"]):
        sentences.append("p: of a permutation test against the reference, with one clip of each source.")
    sentences.append(FEW if any(cell.few for cell in cells) else "")
    return tuple(filter(None, sentences))


def _spread(seeds: int, interval: str, has_interval: bool) -> str:
    if seeds > 1:
        spread = f"Mean ± standard deviation over {seeds} seeds."
        return f"{spread} What has one seed with its {interval}." if has_interval else spread
    return f"One seed. With the {interval} over clips (not over trainings)." if has_interval else "One seed."
