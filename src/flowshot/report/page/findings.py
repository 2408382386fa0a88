"""What the numbers of a dataset say, as sentences that hold those numbers.

Nothing is weighed here: a sentence appears where a rule that is written below holds, and carries what it holds by.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from flowshot.core.plan import PlanConfig
from flowshot.report.language import Words
from flowshot.report.layout import Cell, Column, Table
from flowshot.report.page.arms import (
    arm_name,
    arms_of_plan,
    by_arm,
    embedding_title,
    embeddings_of,
    mean_of_arms,
    short_number,
)
from flowshot.report.page.sources import Training
from flowshot.report.page.tables import MINUS
from flowshot.report.paired import BASELINE
from flowshot.report.registry import metric
from flowshot.report.results import REAL, RECONSTRUCTION
from flowshot.scoring.metrics.score import NO_EMBEDDING

# Where samples lie within this share of their autoencoder's reconstructions, the decoder is what keeps them from real
# clips: another prior could win that share at most.
NEAR = 0.1
# A tone that all clips share is news where it stands out by so many dB more than in real clips.
SHARED_TONE_DB = 6.0

Kind = Literal["good", "bad", "plain"]


@dataclass(frozen=True)
class Finding:
    """A sentence; `kind` says whether it is good or bad news, and `evidence` lists what it counts."""

    sentence: str
    kind: Kind = "plain"
    evidence: tuple[str, ...] = ()


def findings(
    frame: pd.DataFrame,
    tables: Sequence[Table],
    trainings: Sequence[Training],
    plan: PlanConfig,
    dataset: str,
    confidence: float,
    words: Words,
) -> list[Finding]:
    """Everything that can be said of a dataset of the plan: distance from the floor, differences, collapse, copies."""
    mine = frame[frame["dataset"] == dataset]
    return [
        *distance_from_the_floor(mine, plan, words),
        *significant_differences(tables, 1 - confidence, words),
        *collapsed_arms(trainings, plan, words),
        *what_could_be_chance(mine, plan, 1 - confidence, words),
        *copies(mine, plan, words),
        *shared_tones(mine, plan, words),
    ]


def distance_from_the_floor(frame: pd.DataFrame, plan: PlanConfig, words: Words) -> list[Finding]:
    """In each embedding: the best arm, the floor, and whether the decoder or the prior is what lies between."""
    found = []
    for embedding in embeddings_of(frame, "fad"):
        values = mean_of_arms(frame, "fad", embedding)
        floor = values.get((REAL, REAL))
        arms = arms_of_plan(values, plan)
        if floor is None or floor <= 0 or not arms:
            continue
        best = min(arms, key=lambda arm: arms[arm])
        sentence = words(
            "In FAD ({embedding}) the arm nearest to real clips is {arm} at {value}: {ratio} times the floor of "
            "{floor}, which held-out real clips reach.",
            embedding=embedding_title(embedding),
            arm=arm_name(best),
            value=short_number(arms[best], words),
            ratio=short_number(arms[best] / floor, words),
            floor=short_number(floor, words),
        )
        decoder = values.get((best[0], RECONSTRUCTION))
        if decoder is not None:
            sentence += " " + _decoder_or_prior(arms[best], decoder, floor, words)
        found.append(Finding(sentence))
    return found


def _decoder_or_prior(value: float, decoder: float, floor: float, words: Words) -> str:
    reached = short_number(decoder, words)
    if value <= floor:
        return words("Its samples are no further away than real clips are from one another.")
    if value <= decoder:
        return words(
            "Test clips that it encodes and decodes reach {decoder}, no less: its decoder is the limit.",
            decoder=reached,
        )
    if value - decoder <= NEAR * (value - floor):
        return words(
            "Test clips that it encodes and decodes reach {decoder}, hardly less: its decoder is the limit.",
            decoder=reached,
        )
    # Reconstructions may lie below the floor: they are of the very clips that are compared with.
    share = min(1.0, (value - decoder) / (value - floor))
    return words(
        "Test clips that it encodes and decodes reach {decoder}: {share} of the way to the floor is its prior's.",
        decoder=reached,
        share=f"{share:.0%}",
    )


def significant_differences(tables: Sequence[Table], alpha: float, words: Words) -> list[Finding]:
    """Of every paired table and embedding: which arms differ from the baseline, after Holm's correction."""
    found = []
    for table in tables:
        if not table.name.startswith("paired-"):
            continue
        rows = [row for group in table.groups for row in group if row.autoencoder != BASELINE]
        for first in range(0, len(table.columns), 3):
            mean, difference, p_value = table.columns[first : first + 3]
            tested = [(row, row.cells[first + 1], row.cells[first + 2]) for row in rows]
            known = [(row, value, p) for row, value, p in tested if value is not None and p is not None]
            if not known:
                continue
            known.sort(key=lambda one: one[2].value)
            differ = [one for one in known if one[2].value < alpha]
            evidence = tuple(
                _difference(arm_name((row.autoencoder, row.prior)), value, p, difference, p_value, words)
                for row, value, p in differ
            )
            title = metric(table.name.removeprefix("paired-")).title
            numbers = {"metric": f"{title} ({mean.by})", "baseline": BASELINE, "alpha": words.number(f"{alpha:.2g}")}
            if differ:
                sentence = words(
                    "In {metric} {count} of {total} arms differ from {baseline} with the same prior "
                    "(p < {alpha}, Holm).",
                    **numbers,
                    count=len(differ),
                    total=len(known),
                )
            else:
                row, _, p = known[0]
                sentence = words(
                    "In {metric} none of {total} arms differs from {baseline} with the same prior: the smallest p is "
                    "{p} ({arm}; Holm).",
                    **numbers,
                    total=len(known),
                    p=_probability(p, p_value, words),
                    arm=arm_name((row.autoencoder, row.prior)),
                )
            better = sum(value.value < 0 for _, value, _ in differ)
            kind: Kind = "plain" if not differ or 0 < better < len(differ) else "good" if better else "bad"
            found.append(Finding(sentence, kind, evidence))
    return found


def _difference(arm: str, value: Cell, p: Cell, column: Column, p_column: Column, words: Words) -> str:
    said = words.number(f"{'+' if value.value > 0 else ''}{column.text(value.value)}").replace("-", MINUS)
    if value.interval:
        low, high = (column.text(limit) for limit in value.interval)
        said += " " + words.interval(low, high).replace("-", MINUS)
    closer = words("closer to real clips") if value.value < 0 else words("further from real clips")
    return f"{arm}: {said}, p {_probability(p, p_column, words, sign=True)}, {closer}"


def _probability(cell: Cell, column: Column, words: Words, sign: bool = False) -> str:
    smallest = 10.0**-column.decimals
    if cell.value < smallest:
        return f"< {words.number(column.text(smallest))}"
    return f"{'= ' if sign else ''}{words.number(column.text(cell.value))}"


def collapsed_arms(trainings: Sequence[Training], plan: PlanConfig, words: Words) -> list[Finding]:
    """By the verdicts of the trainings, with the numbers they rest on."""
    judged = [one for one in trainings if "verdict" in one.diagnostics]
    if not judged:
        return []
    unused = [one for one in judged if one.diagnostics["verdict"] != "healthy"]
    if unused:
        sentence = words(
            "In {count} of {total} trainings the decoder ignores the latent, wholly or in part (posterior collapse).",
            count=len(unused),
            total=len(judged),
        )
        return [Finding(sentence, "bad", tuple(_usage(one, plan, words) for one in unused))]
    worst = min(judged, key=lambda one: _fraction(one))
    sentence = (
        words("None of {total} trainings is collapsed; the least used latent is that of", total=len(judged))
        if len(trainings) > 1
        else words("The training is not collapsed.")
    )
    return [Finding(f"{sentence} {_usage(worst, plan, words)}", "good")]


def _fraction(training: Training) -> float:
    return float(training.diagnostics.get("used_units", 0)) / max(int(training.diagnostics.get("latent_size", 1)), 1)


def _usage(training: Training, plan: PlanConfig, words: Words) -> str:
    said = training.diagnostics
    name = training.autoencoder if len(plan.seeds) == 1 else f"{training.autoencoder} (seed {training.seed})"
    used = words(
        "{name}: {used} of {size} dimensions vary over clips and reach the decoder",
        name=name,
        used=said.get("used_units", "?"),
        size=said.get("latent_size", "?"),
    )
    gap, loss = said.get("shuffle_gap"), said.get("reconstruction")
    if gap is None or not loss:
        return f"{used}."
    rise = words.number(f"{100 * gap / loss:.0f}")
    return f"{used}; " + words("exchanging the latents of clips raises the loss by {rise} %.", rise=rise)


def what_could_be_chance(frame: pd.DataFrame, plan: PlanConfig, alpha: float, words: Words) -> list[Finding]:
    """The arms that KID's permutation test tells from real clips in no seed, embedding by embedding."""
    found, told = [], []
    for embedding in embeddings_of(frame, "kid_p"):
        tested = frame[(frame["metric"] == "kid_p") & (frame["embedding"] == embedding)]
        smallest = tested.groupby(["autoencoder", "prior"], sort=False)["value"].min()
        arms = arms_of_plan(by_arm(smallest), plan)
        alike = {arm: p for arm, p in arms.items() if p >= alpha}
        if alike:
            evidence = tuple(f"{arm_name(arm)}: p = {words.number(f'{p:.3f}')}" for arm, p in alike.items())
            sentence = words(
                "KID ({embedding}) cannot tell {count} of {total} arms from real clips.",
                embedding=embedding_title(embedding),
                count=len(alike),
                total=len(arms),
            )
            found.append(Finding(sentence, "good", evidence))
        elif arms:
            largest = max(arms.values())
            told.append(f"{embedding_title(embedding)}: p ≤ {words.number(f'{largest:.3f}')}")
    if told:
        sentence = words("KID tells every arm from real clips by permutation:")
        found.append(Finding(f"{sentence} {'; '.join(told)}."))
    return found


def copies(frame: pd.DataFrame, plan: PlanConfig, words: Words) -> list[Finding]:
    """Whether samples of an arm lie nearer to training clips than unseen real clips do, embedding by embedding."""
    found, far = [], []
    for embedding in embeddings_of(frame, "training_distance"):
        arms = arms_of_plan(mean_of_arms(frame, "training_distance", embedding), plan)
        close = {arm: value for arm, value in arms.items() if value < 1}
        if close:
            evidence = tuple(f"{arm_name(arm)}: {short_number(value, words)}" for arm, value in close.items())
            sentence = words(
                "In {embedding} the samples of {count} arms lie nearer to training clips than unseen real clips do, at "
                "these parts of that distance. Listen to their neighbours below.",
                embedding=embedding_title(embedding),
                count=len(close),
            )
            found.append(Finding(sentence, "bad", evidence))
        elif arms:
            nearest = min(arms, key=lambda arm: arms[arm])
            far.append(f"{embedding_title(embedding)} {short_number(arms[nearest], words)} ({arm_name(nearest)})")
    if far:
        sentence = words(
            "The samples of no arm lie nearer to training clips than unseen real clips do. The nearest, as multiples "
            "of that distance:"
        )
        found.append(Finding(f"{sentence} {'; '.join(far)}.", "good"))
    return found


def shared_tones(frame: pd.DataFrame, plan: PlanConfig, words: Words) -> list[Finding]:
    """The arms in whose clips one tone or offset is always heard, which embeddings may not mind."""
    values = mean_of_arms(frame, "constant_tone", NO_EMBEDDING)
    floor = values.get((REAL, REAL), 0.0)
    arms = arms_of_plan(values, plan)
    loud = {arm: value for arm, value in arms.items() if value > floor + SHARED_TONE_DB}
    if not loud:
        return []
    sentence = words(
        "In {count} of {total} arms all clips share a tone or an offset, so many dB above its surroundings; in real "
        "clips it is {floor} dB.",
        count=len(loud),
        total=len(arms),
        floor=words.number(f"{floor:.1f}"),
    )
    evidence = tuple(f"{arm_name(arm)}: {words.number(f'{value:.1f}')} dB" for arm, value in loud.items())
    return [Finding(sentence, "bad", evidence)]
