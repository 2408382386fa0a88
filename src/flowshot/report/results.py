"""Collect the scores of a plan into one table, `results.csv`."""

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from pydantic import TypeAdapter, ValidationError

from flowshot.config import PlanConfig
from flowshot.errors import FlowshotError
from flowshot.metrics.score import Score

COLUMNS = ("dataset", "autoencoder", "prior", "seed", "metric", "embedding", "value", "ci_low", "ci_high", "n")
REAL = "real"  # held-out real clips against the reference: the floor
RECONSTRUCTION = "reconstruction"  # test clips encoded and decoded: the ceiling of an autoencoder

Arm = tuple[str, str, str, int]


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


def read_results(plan: PlanConfig, scores_folder: Path) -> pd.DataFrame:
    """The scores of every arm of the plan, in long form with `COLUMNS`, sorted.

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
    rows = [
        (*arm, score.metric, score.embedding, score.value, score.ci_low, score.ci_high, score.n)
        for arm in arms
        for score in _read_scores(_path(scores_folder, arm), arm)
    ]
    frame = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"ci_low": float, "ci_high": float})
    return frame.sort_values(list(COLUMNS[:6]), ignore_index=True)


def write_results(frame: pd.DataFrame, path: Path) -> None:
    """Write `results.csv`: floats with all of their digits, an empty cell where there is no interval."""
    frame.to_csv(path, index=False, lineterminator="\n")


def _read_scores(path: Path, arm: Arm) -> list[Score]:
    remedy = f"run `dvc repro --force --single-item {_stage(arm)}`"
    try:
        scores = TypeAdapter(list[Score]).validate_python(json.loads(path.read_text(encoding="utf-8")))
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
