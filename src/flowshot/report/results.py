"""Collect the scores of a plan into one table, `results.csv`."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path

import pandas as pd
from pydantic import TypeAdapter, ValidationError

from flowshot.core.errors import FlowshotError
from flowshot.core.plan import PlanConfig
from flowshot.scoring.metrics.score import Score

COLUMNS = ("dataset", "autoencoder", "prior", "seed", "metric", "embedding", "value", "ci_low", "ci_high", "n")
REAL = "real"  # held-out real clips against the reference: the floor
RECONSTRUCTION = "reconstruction"  # test clips encoded and decoded: the ceiling of an autoencoder
EXTERNAL = "external"  # clips of another program, scored by `flowshot score --as NAME`; its prior is that name

Arm = tuple[str, str, str, int]


@dataclass(frozen=True)
class Influence:
    """What a paired comparison needs of a distance: see `flowshot.scoring.comparison.distances`."""

    candidate_variance: float
    reference: dict[str, float]


@dataclass(frozen=True)
class Results:
    """All scores of a plan in long form, and what is known of them besides."""

    frame: pd.DataFrame
    dimensions: dict[str, int]  # of the embeddings
    influences: dict[tuple[Arm, str, str], Influence]  # by arm, metric and embedding


def planned_arms(plan: PlanConfig) -> Iterator[Arm]:
    """Every (dataset, autoencoder, prior, seed) of a plan, with the floor and the reconstructions.

    They come from the plan and never from the folders: what an earlier plan left there is no result of this one.
    """
    for dataset in plan.datasets:
        yield dataset, REAL, REAL, 0
        for autoencoder in plan.autoencoders:
            for prior in (*plan.priors, RECONSTRUCTION):
                for seed in plan.seeds:
                    yield dataset, autoencoder, prior, seed


def external_arms(scores_folder: Path) -> list[Arm]:
    """What other programs made: every (dataset, "external", name, 0) that was scored, whatever the plan."""
    found = scores_folder.glob(f"*/{EXTERNAL}/*/0.json")
    return sorted((path.parents[2].name, EXTERNAL, path.parent.name, 0) for path in found)


def read_results(plan: PlanConfig, scores_folder: Path) -> Results:
    """The scores of every arm of the plan and of every external system, in long form with `COLUMNS`, sorted.

    Raises:
        FlowshotError: the scores of an arm are missing or incomplete; names the stage that makes them.
    """
    arms = list(planned_arms(plan))
    missing = [arm for arm in arms if not _path(scores_folder, arm).is_file()]
    if missing:
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        raise FlowshotError(
            f"{_path(scores_folder, missing[0])}: not found{more}; run `dvc repro {_stage(missing[0])}`"
        )
    scores = [
        (arm, score)
        for arm in (*arms, *external_arms(scores_folder))
        for score in _read_scores(_path(scores_folder, arm), arm)
    ]
    rows = [(*arm, one.metric, one.embedding, one.value, one.ci_low, one.ci_high, one.n) for arm, one in scores]
    frame = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"ci_low": float, "ci_high": float})
    influences = {
        (arm, one.metric, one.embedding): Influence(**one.details["influence"])
        for arm, one in scores
        if "influence" in one.details
    }
    dimensions = {one.embedding: int(one.details["dimensions"]) for _, one in scores if "dimensions" in one.details}
    return Results(frame.sort_values(list(COLUMNS[:6]), ignore_index=True), dimensions, influences)


def write_results(frame: pd.DataFrame, path: Path) -> None:
    """Write `results.csv`: floats with all of their digits, an empty cell where there is no interval."""
    frame.to_csv(path, index=False, lineterminator="\n")


def _read_scores(path: Path, arm: Arm) -> list[Score]:
    remedy = f"run `dvc repro --force --single-item {_stage(arm)}`"
    if arm[1] == EXTERNAL:
        remedy = f"score it again with `flowshot score --as {arm[2]}`, or delete the file"
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        numbers = TypeAdapter(list[Score]).validate_python(entries)
        known = {field.name for field in fields(Score)}
        scores = [
            replace(score, details={name: value for name, value in entry.items() if name not in known})
            for score, entry in zip(numbers, entries, strict=True)
        ]
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"]) or "the file"
        raise FlowshotError(f"{path}: {where}: {problem['msg']}; {remedy}") from None
    except (OSError, ValueError, FlowshotError) as error:
        raise FlowshotError(f"{path}: {error}; {remedy}") from None
    names = [(score.metric, score.embedding) for score in scores]
    if not names:
        raise FlowshotError(f"{path}: holds no scores; {remedy}")
    if len(set(names)) < len(names):
        raise FlowshotError(f"{path}: holds a metric twice; {remedy}")
    return scores


def _path(scores_folder: Path, arm: Arm) -> Path:
    dataset, autoencoder, prior, seed = arm
    return scores_folder / dataset / autoencoder / prior / f"{seed}.json"


def _stage(arm: Arm) -> str:
    dataset, autoencoder, prior, seed = arm
    return f"floor@{dataset}" if autoencoder == REAL else f"score@{dataset}-{autoencoder}-{prior}-{seed}"
