"""Write the page of a plan: `index.html`, and its sounds and pictures beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from flowshot.core.plan import PlanConfig
from flowshot.report.language import Words
from flowshot.report.layout import Table
from flowshot.report.page.charts import Bar
from flowshot.report.page.facts import dataset_card, measurements, plan_facts, reproductions
from flowshot.report.page.figures import Figure, divergence_bars, rate_distortion_figure, training_figure
from flowshot.report.page.findings import Finding, findings
from flowshot.report.page.listening import AutoencoderSounds, dataset_sounds
from flowshot.report.page.render import render
from flowshot.report.page.sounds import Shelf
from flowshot.report.page.sources import Sources, Training
from flowshot.report.page.tables import TableView, table_view
from flowshot.report.results import Results


@dataclass(frozen=True)
class DatasetView:
    """Everything about one dataset; one that external systems alone refer to has tables only."""

    name: str
    findings: list[Finding]
    tables: list[TableView]
    autoencoders: list[AutoencoderSounds]
    curves: Figure | None
    divergence: tuple[Bar, ...]
    rate_distortion: Figure | None
    kilohertz: float | None  # up to which its spectrograms go


def write_page(
    folder: Path,
    sources: Sources,
    plan: PlanConfig,
    results: Results,
    tables: Mapping[str, Sequence[Table]],
    titles: Mapping[str, str],
    confidence: float,
    revision: str,
    words: Words,
) -> None:
    """Write `index.html` and `DATASET/sounds/` into `folder`, which holds the tables already.

    Args:
        folder: `reports/PLAN/`.
        sources: the project's folders. Scores are needed; where models or clips are missing, the page says so.
        plan: which arms there are.
        results: all scores.
        tables: of each dataset, in the order of the page; the first is the factorial.
        titles: of the tables, by their names, in the language of `words`.
        confidence: level of the intervals.
        revision: of the code.
        words: the page's language.
    """
    shelf = Shelf(folder)
    trainings = {dataset: sources.trainings(plan, dataset) for dataset in plan.datasets}
    views = [
        _dataset(dataset, shown, shelf, sources, plan, results, trainings.get(dataset, []), titles, confidence, words)
        for dataset, shown in tables.items()
    ]
    sounds = shelf.write()
    all_trainings = [one for found in trainings.values() for one in found]
    arms = len(plan.datasets) * len(plan.autoencoders) * len(plan.priors)
    summary = words(
        "Arms: {arms} = {datasets} × {autoencoders} × {priors} (datasets × autoencoders × priors), each with seeds: "  # noqa: RUF001
        "{seeds}.",
        arms=arms,
        datasets=len(plan.datasets),
        autoencoders=len(plan.autoencoders),
        priors=len(plan.priors),
        seeds=len(plan.seeds),
    )
    page = render(
        {
            "plan": plan,
            "summary": summary,
            "several_seeds": len(plan.seeds) > 1,
            "facts": plan_facts(plan, all_trainings, len(results.frame), revision, words),
            "cards": [card for dataset in plan.datasets if (card := dataset_card(sources, dataset))],
            "measurements": measurements(sources, plan),
            "datasets": views,
            "sounds": sounds,
            "sound_format": _sound_format(shelf, words) if sounds else "",
            "reproductions": reproductions(sources, plan),
            "revision": revision,
        },
        words,
    )
    (folder / "index.html").write_text(page, encoding="utf-8")


def _dataset(
    dataset: str,
    tables: Sequence[Table],
    shelf: Shelf,
    sources: Sources,
    plan: PlanConfig,
    results: Results,
    trainings: Sequence[Training],
    titles: Mapping[str, str],
    confidence: float,
    words: Words,
) -> DatasetView:
    views = [table_view(one, titles[one.name], quote(f"{dataset}/table-{one.name}.md")) for one in tables]
    if dataset not in plan.datasets:
        return DatasetView(dataset, [], views, [], None, (), None, None)
    heard = dataset_sounds(shelf, sources, plan, dataset)
    rates = [rate for path, (_, rate) in shelf.clips.items() if path.startswith(f"{dataset}/")]
    return DatasetView(
        dataset,
        findings(results.frame, tables, trainings, plan, dataset, confidence, words),
        views,
        heard,
        training_figure(trainings, plan, words),
        divergence_bars(results.frame, plan, dataset, words),
        rate_distortion_figure(results.frame, plan, dataset, words),
        rates[0] / 2000 if rates else None,
    )


def _sound_format(shelf: Shelf, words: Words) -> str:
    if shelf.format == "flac":
        return words("The sounds are FLAC, 16 bits.")
    if shelf.longest_seconds is None:
        return words("The sounds are MP3, because FLAC would be too large for one page.")
    seconds = words.number(f"{shelf.longest_seconds:.1f}")
    return words(
        "The sounds are MP3 and cut after {seconds} s, because all would be too large for one page.", seconds=seconds
    )
