"""What was run, on what, and how it is run again."""

import json
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from platform import python_version
from typing import Any

from flowshot.core.plan import PlanConfig
from flowshot.report.language import Words
from flowshot.report.page.sources import Sources, Training

# Whose versions say most about a number; of the environment that writes the page.
PACKAGES = ("flowshot", "torch", "nflows", "numpy", "scipy", "dvc", "mlflow")


@dataclass(frozen=True)
class DatasetCard:
    """What a prepared dataset says of itself; `reasons` counts the files that were dropped."""

    name: str
    origin: str
    licence: str
    incomplete: tuple[str, ...]
    sample_rate: int
    seconds: float
    clips: dict[str, int]
    groups: dict[str, int]
    kept: int
    reasons: dict[str, int]
    packages: tuple[dict[str, str], ...]


@dataclass(frozen=True)
class Measurement:
    """An embedding as it was used."""

    embedding: str
    sample_rate: int
    dimensions: int
    weights: str
    runtime: str
    policy: str


@dataclass(frozen=True)
class Reproduction:
    """An arm of one seed: its run, and what makes it again."""

    dataset: str
    autoencoder: str
    prior: str
    seed: int
    run_id: str | None
    command: str


def plan_facts(
    plan: PlanConfig, trainings: Sequence[Training], numbers: int, revision: str, words: Words
) -> list[tuple[str, str]]:
    """Name and value of what describes the whole plan."""

    def listed(values: Sequence[object]) -> str:
        return ", ".join(map(str, values))

    machines = sorted({str(one.diagnostics["machine"]) for one in trainings if "machine" in one.diagnostics})
    budget = words("{steps} steps of {clips} clips", steps=plan.budget.steps, clips=plan.budget.batch_size)
    seconds = [float(one.diagnostics["train_seconds"]) for one in trainings if "train_seconds" in one.diagnostics]
    facts = [
        (words("datasets"), listed(plan.datasets)),
        (words("autoencoders"), listed(plan.autoencoders)),
        (words("priors"), listed(plan.priors)),
        (words("seeds"), listed(plan.seeds)),
        (words("budget of each autoencoder"), budget),
        (words("trained on"), listed(machines) or words("not recorded")),
    ]
    if seconds:
        low, high = (words.number(f"{limit / 60:.1f}") for limit in (min(seconds), max(seconds)))
        took = (
            words("{low} to {high} minutes for each of {count} trainings", low=low, high=high, count=len(seconds))
            if len(seconds) > 1
            else words("{minutes} minutes", minutes=low)
        )
        facts.append((words("training took"), took))
    return [
        *facts,
        (words("numbers in results.csv"), str(numbers)),
        (words("revision of the code"), revision),
        (words("page written with"), listed(_versions())),
    ]


def dataset_card(sources: Sources, name: str) -> DatasetCard | None:
    """The card of a dataset; None where it was not prepared here."""
    prepared = sources.prepared_dataset(name)
    if prepared is None:
        return None
    card, counts = prepared.card, prepared.card.get("counts", {})
    audit = sources.audit(name)
    dropped = Counter(row["reason"] for row in audit if row["status"] == "dropped")
    return DatasetCard(
        name,
        str(card.get("origin", "")),
        str(card.get("licence", "")),
        tuple(map(str, card.get("incomplete", ()))),
        prepared.sample_rate,
        prepared.clip_samples / prepared.sample_rate,
        dict(counts.get("clips", {})),
        dict(counts.get("groups", {})),
        sum(row["status"] == "kept" for row in audit),
        dict(dropped.most_common()),
        tuple({str(key): str(value) for key, value in package.items()} for package in card.get("packages", ())),
    )


def measurements(sources: Sources, plan: PlanConfig) -> list[Measurement]:
    """Every embedding of the plan's scores, as the floor of its first dataset was measured."""
    scores = json.loads((sources.scores / plan.datasets[0] / "real" / "real" / "0.json").read_text(encoding="utf-8"))
    found: dict[str, Measurement] = {}
    for score in scores:
        if "embedder" in score:
            found.setdefault(score["embedding"], _measurement(score))
    return list(found.values())


def reproductions(sources: Sources, plan: PlanConfig) -> list[Reproduction]:
    """Every arm of the plan, with each seed."""
    return [
        Reproduction(
            dataset,
            autoencoder,
            prior,
            seed,
            sources.run_id(plan, dataset, autoencoder, prior, seed),
            reproducing_command(dataset, autoencoder, prior, seed),
        )
        for dataset in plan.datasets
        for autoencoder in plan.autoencoders
        for prior in plan.priors
        for seed in plan.seeds
    ]


def reproducing_command(dataset: str, autoencoder: str, prior: str, seed: int) -> str:
    """What makes an arm again from the prepared dataset, whether it is there already or not.

    DVC runs the stages in this order, each alone, as `-s` asks, whether their inputs changed or not, as `-f` asks.
    """
    training, arm = f"{dataset}-{autoencoder}-{seed}", f"{dataset}-{autoencoder}-{prior}-{seed}"
    stages = (f"train@{training}", f"fit_prior@{arm}", f"sample@{arm}", f"score@{arm}")
    return shlex.join(["dvc", "repro", "-f", "-s", *stages])


def _measurement(score: dict[str, Any]) -> Measurement:
    policy = ", ".join(f"{key} {value}" for key, value in score.get("policy", {}).items())
    return Measurement(
        str(score["embedding"]),
        int(score["sample_rate"]),
        int(score["dimensions"]),
        str(score.get("weights_sha256", ""))[:12],
        str(score.get("runtime", "")),
        policy,
    )


def _versions() -> list[str]:
    found = [f"Python {python_version()}"]
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:  # a report needs few of them
            continue
    return found
