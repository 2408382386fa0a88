"""All numbers of a plan as one table, `results.csv`, and what tables and figures ask of it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from flowshot.core.errors import FlowshotError
from flowshot.core.params import check_section
from flowshot.core.plan import DIRECT, EXTERNAL, REAL, RECONSTRUCTION, PlanConfig
from flowshot.report.config import ReportConfig
from flowshot.report.language import Words
from flowshot.report.project import Arm, Project, Training, stage_of
from flowshot.report.registry import in_order
from flowshot.scoring.metrics.paired import INFLUENCE, Distance
from flowshot.scoring.metrics.sample_size import fewest_clips
from flowshot.scoring.metrics.score import NUMBER, Score

COLUMNS = ("dataset", "autoencoder", "prior", "seed", *NUMBER, "role")
Pair = tuple[str, str]  # a model and a prior, or what stands for them
Frame = Any  # a pandas.DataFrame or Series whose cells and index are what its docstring says; stubs know neither


@dataclass(frozen=True)
class Report:
    """All numbers of a plan, and how they are written: what every table, figure and sentence is made from.

    `frame`: in long form with `COLUMNS`. `few`: what rests on too few clips, by dataset, model, prior, metric and
    embedding. `distances`: what a paired comparison needs, by arm, metric and embedding. `confidence`: level of the
    intervals in the scores. `equivalence_margin`: see `ReportConfig`. `trainings`: what is known of them, by dataset of
    the plan.
    """

    plan: PlanConfig
    frame: pd.DataFrame
    digits: int
    confidence: float
    equivalence_margin: float
    words: Words
    few: frozenset[tuple[str, ...]] = frozenset()
    distances: Mapping[tuple[Arm, str, str], Distance] = field(default_factory=dict)
    trainings: Mapping[str, list[Training]] = field(default_factory=dict)

    @cached_property
    def baselines(self) -> tuple[str, ...]:
        """The generators of the plan that are baselines."""
        found = set(self.frame.loc[self.frame["role"] == "baseline", "autoencoder"])
        return tuple(name for name in self.plan.generators if name in found)

    @property
    def competing(self) -> tuple[Pair, ...]:
        """Every (model, prior) of the plan but baselines."""
        return tuple(arm for arm in self.plan.arms if arm[0] not in self.baselines)

    def of(self, dataset: str) -> Frame:
        """The numbers of one dataset."""
        return self.frame[self.frame["dataset"] == dataset]

    def embeddings(self, dataset: str, metric: str) -> list[str]:
        """Those that the metric was measured in, in the order of the tables."""
        frame = self.of(dataset)
        return in_order(set(frame.loc[frame["metric"] == metric, "embedding"]))

    def rows(self, dataset: str, metric: str, embedding: str) -> Frame:
        """The numbers of one metric under one embedding."""
        frame = self.of(dataset)
        return frame[(frame["metric"] == metric) & (frame["embedding"] == embedding)]

    def seeds(self, dataset: str, metric: str, embedding: str) -> Frame:
        """The same, a row for each (autoencoder, prior) and a column for each seed."""
        return self.rows(dataset, metric, embedding).pivot(
            index=["autoencoder", "prior"], columns="seed", values="value"
        )


def arm_name(arm: Pair) -> str:
    """As sentences name it; a generator has no prior."""
    return arm[0] if arm[1] == DIRECT else f"{arm[0]} / {arm[1]}"


def planned_arms(plan: PlanConfig) -> Iterator[Arm]:
    """Every (dataset, model, prior, seed) of a plan, with the floor and the reconstructions.

    They come from the plan and never from the folders: what an earlier plan left there is no result of this one.
    """
    for dataset in plan.datasets:
        yield dataset, REAL, REAL, 0
        for model, prior in (*plan.arms, *((name, RECONSTRUCTION) for name in plan.autoencoders)):
            for seed in plan.seeds:
                yield dataset, model, prior, seed


def external_arms(root: Path) -> list[Arm]:
    """What other programs made: every (dataset, "external", name, 0) that was scored, whatever the plan."""
    found = (root / "scores").glob(f"*/{EXTERNAL}/*/0.json")
    return sorted((path.parents[2].name, EXTERNAL, path.parent.name, 0) for path in found)


def read_report(plan: PlanConfig, project: Project, config: ReportConfig, confidence: float) -> Report:
    """The numbers of every arm of the plan and of every external system, sorted.

    Raises:
        FlowshotError: the scores of an arm are missing or incomplete; names the stage that makes them.
    """
    arms = list(planned_arms(plan))
    missing = [arm for arm in arms if not project.scores(arm).is_file()]
    if missing:
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        raise FlowshotError(
            f"{project.scores(missing[0])}: not found{more}; run `dvc repro {stage_of('score', missing[0])}`"
        )
    scores = []
    everything = [*arms, *external_arms(project.root)]
    for arm in everything:
        # What the other stages measured takes the place of a score of the same name.
        measured = {(one.metric, one.embedding): one for one in project.measured(arm)}
        scores += [(arm, one) for one in (_read_scores(project.scores(arm), arm) | measured).values()]
    roles = {arm: _role(arm, project) for arm in everything}
    rows = [(*arm, *(getattr(one, name) for name in NUMBER), roles[arm]) for arm, one in scores]
    frame = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"ci_low": float, "ci_high": float})
    distances = {
        (arm, one.metric, one.embedding): Distance(one.value, **one.details[INFLUENCE])
        for arm, one in scores
        if INFLUENCE in one.details
    }
    few = frozenset(
        (*arm[:3], one.metric, one.embedding)
        for arm, one in scores
        if min(one.n, one.details.get("reference_n", one.n))
        < fewest_clips(one.metric, one.details.get("dimensions", 0))
    )
    frame = frame.sort_values(list(COLUMNS[:6]), ignore_index=True)
    trainings = {dataset: project.trainings(plan, dataset) for dataset in plan.datasets}
    written = (config.digits, confidence, config.equivalence_margin, Words(config.language))
    return Report(plan, frame, *written, few, distances, trainings)


def _role(arm: Arm, project: Project) -> str:
    dataset, model, prior, seed = arm
    if prior == DIRECT:
        return "baseline" if project.is_baseline(dataset, model, seed) else "arm"
    return {REAL: "floor", EXTERNAL: "external"}.get(model, RECONSTRUCTION if prior == RECONSTRUCTION else "arm")


def _read_scores(path: Path, arm: Arm) -> dict[tuple[str, str], Score]:
    """The scores in a file by metric and embedding."""
    remedy = f"run `dvc repro --force --single-item {stage_of('score', arm)}`"
    if arm[1] == EXTERNAL:
        remedy = f"score it again with `flowshot score --as {arm[2]}`, or delete the file"
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        numbers = check_section(list[Score], entries, "entry")
    except (OSError, ValueError, FlowshotError) as error:
        raise FlowshotError(f"{path}: {error}; {remedy}") from None
    scores = {
        (one.metric, one.embedding): replace(one, details={key: entry[key] for key in entry.keys() - {*NUMBER}})
        for one, entry in zip(numbers, entries, strict=True)
    }
    if not scores or len(scores) < len(entries):
        raise FlowshotError(f"{path}: holds {'a metric twice' if scores else 'no scores'}; {remedy}")
    known = {one.name for one in fields(Distance)}
    if any(not one.details.get(INFLUENCE, {}).keys() <= known for one in scores.values()):
        raise FlowshotError(f"{path}: was scored by another version of flowshot; {remedy}")
    return scores
