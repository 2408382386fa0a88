"""What the numbers of a dataset say, as sentences that hold those numbers.

Nothing is weighed here: a sentence appears where a rule that is written below holds, and carries what it holds by.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from flowshot.core.plan import DIRECT, REAL, RECONSTRUCTION
from flowshot.report.language import Words
from flowshot.report.layout import Cell, Column, Table
from flowshot.report.paired import BASELINE
from flowshot.report.project import Training
from flowshot.report.registry import embedding_title, metric
from flowshot.report.results import Pair, Report
from flowshot.scoring.metrics.score import NO_EMBEDDING

MINUS = "\u2212"  # as wide as a digit, so that columns line up
# Where samples lie within this share of their autoencoder's reconstructions, the decoder is what keeps them from real
# clips: another prior could win that share at most.
NEAR = 0.1
# A tone that all clips share is news where it stands out by this many dB more than in real clips.
SHARED_TONE_DB = 6.0

Kind = Literal["good", "bad", "plain"]


@dataclass(frozen=True)
class Finding:
    """A sentence; `kind` says whether it is good or bad news, and `evidence` lists what it counts."""

    sentence: str
    kind: Kind = "plain"
    evidence: tuple[str, ...] = ()


def findings(report: Report, dataset: str, tables: Sequence[Table], trainings: Sequence[Training]) -> list[Finding]:
    """Everything that can be said of a dataset of the plan."""
    return [
        *distance_from_the_floor(report, dataset),
        *significant_differences(report, tables),
        *collapsed_arms(report, trainings),
        *what_could_be_chance(report, dataset),
        *copies(report, dataset),
        *shared_tones(report, dataset),
    ]


def distance_from_the_floor(report: Report, dataset: str) -> list[Finding]:
    """In each embedding: the best arm, the floor, what lies between, and what a baseline reaches."""
    found, words = [], report.words
    for embedding in report.embeddings(dataset, "fad"):
        values = report.means(dataset, "fad", embedding)
        floor, arms = values.get((REAL, REAL)), _arms(report, values)
        if floor is None or floor <= 0 or not arms:
            continue
        best = min(arms, key=lambda arm: arms[arm])
        said = (
            "In FAD ({embedding}) the arm nearest to real clips is {arm} at {value}: {ratio} times the floor of "
            "{floor}, which held-out real clips reach."
        )
        numbers = {"value": arms[best], "ratio": arms[best] / floor, "floor": floor}
        texts = {name: _short(number, words) for name, number in numbers.items()}
        sentences = [words(said, embedding=embedding_title(embedding), arm=_name(best), **texts)]
        decoder = values.get((best[0], RECONSTRUCTION))
        if decoder is not None:
            sentences.append(_decoder_or_prior(arms[best], decoder, floor, words))
        sentences += [
            words("Training clips drawn at random ({name}) reach {value}.", name=name, value=_short(value, words))
            for name in report.baselines
            if (value := values.get((name, DIRECT))) is not None
        ]
        found.append(Finding(" ".join(sentences)))
    return found


def _decoder_or_prior(value: float, decoder: float, floor: float, words: Words) -> str:
    # Reconstructions may lie below the floor: they are of the very clips that are compared with.
    share = min(1.0, (value - decoder) / (value - floor)) if value > floor else 0.0
    if value <= floor:
        said = "Its samples are no further away than real clips are from one another."
    elif value <= decoder:
        said = "Test clips that it encodes and decodes reach {decoder}, no less: its decoder is the limit."
    elif share <= NEAR:
        said = "Test clips that it encodes and decodes reach {decoder}, hardly less: its decoder is the limit."
    else:
        said = "Test clips that it encodes and decodes reach {decoder}: {share} of the way to the floor is its prior's."
    return words(said, decoder=_short(decoder, words), share=f"{share:.0%}")


def significant_differences(report: Report, tables: Sequence[Table]) -> list[Finding]:
    """Of every paired table and embedding: which arms differ from `no_nf`, after Holm's correction."""
    paired = [table for table in tables if table.name.startswith("paired-")]
    places = [(table, first) for table in paired for first in range(0, len(table.columns), 3)]
    return [finding for place in places for finding in _differences(report, *place)]


def _differences(report: Report, table: Table, first: int) -> list[Finding]:
    """Of the columns of one embedding: mean, difference and p-value, from the column `first` on."""
    words, alpha = report.words, 1 - report.confidence
    by, column, p_column = table.columns[first : first + 3]
    rows = [row for group in table.groups for row in group if row.autoencoder != BASELINE and not row.apart]
    tested = [((row.autoencoder, row.prior), row.cells[first + 1], row.cells[first + 2]) for row in rows]
    known = sorted(((p.value, arm, value) for arm, value, p in tested if value and p), key=lambda one: one[0])
    if not known:
        return []
    differ = {arm: (value, p) for p, arm, value in known if p < alpha}
    if differ:
        said = "In {metric} {count} of {total} arms differ from {baseline} with the same prior (p < {alpha}, Holm)."
    else:
        said = (
            "In {metric} none of {total} arms differs from {baseline} with the same prior: the smallest p is {p} "
            "({arm}; Holm)."
        )
    sentence = words(
        said,
        metric=f"{metric(table.name.removeprefix('paired-')).title} ({by.by})",
        baseline=BASELINE,
        alpha=words.number(f"{alpha:.2g}"),
        count=len(differ),
        total=len(known),
        p=_probability(known[0][0], p_column, words),
        arm=_name(known[0][1]),
    )
    better = sum(value.value < 0 for value, _ in differ.values())
    kind: Kind = "plain" if not differ or 0 < better < len(differ) else "good" if better else "bad"
    texts = {arm: _difference(value, p, column, p_column, words) for arm, (value, p) in differ.items()}
    return [_counted(kind, sentence, texts)]


def _difference(value: Cell, p: float, column: Column, p_column: Column, words: Words) -> str:
    said = words.number(f"{'+' if value.value > 0 else ''}{column.text(value.value)}")
    if ends := column.interval(value):
        said += f" {words.interval(*ends)}"
    closer = words("closer to real clips") if value.value < 0 else words("further from real clips")
    return f"{said.replace('-', MINUS)}, p {_probability(p, p_column, words, '= ')}, {closer}"


def _probability(p: float, column: Column, words: Words, sign: str = "") -> str:
    smallest = 10.0**-column.decimals
    return f"< {words.number(column.text(smallest))}" if p < smallest else f"{sign}{words.number(column.text(p))}"


def collapsed_arms(report: Report, trainings: Sequence[Training]) -> list[Finding]:
    """By the verdicts of the trainings, with the numbers they rest on."""
    words = report.words
    judged = [one for one in trainings if one.diagnostics.get("verdict", "untrained") != "untrained"]
    if not judged:
        return []
    unused = [one for one in judged if one.diagnostics["verdict"] != "healthy"]
    if unused:
        said = "In {count} of {total} trainings the decoder ignores the latent, wholly or in part (posterior collapse)."
        evidence = tuple(_usage(report, one) for one in unused)
        return [Finding(words(said, count=len(unused), total=len(judged)), "bad", evidence)]
    shares = [one.diagnostics.get("used_units", 0) / max(one.diagnostics.get("latent_size", 1), 1) for one in judged]
    worst = judged[shares.index(min(shares))]
    if len(judged) > 1:
        sentence = words("None of {total} trainings is collapsed; the least used latent is that of", total=len(judged))
    else:
        sentence = words("The training is not collapsed.")
    return [Finding(f"{sentence} {_usage(report, worst)}", "good")]


def _usage(report: Report, training: Training) -> str:
    said, words = training.diagnostics, report.words
    used = words(
        "{name}: {used} of {size} dimensions vary over clips and reach the decoder",
        name=training.model if len(report.plan.seeds) == 1 else f"{training.model} (seed {training.seed})",
        used=said.get("used_units", "?"),
        size=said.get("latent_size", "?"),
    )
    gap, loss = said.get("shuffle_gap"), said.get("reconstruction")
    if gap is None or not loss:
        return f"{used}."
    rise = words.number(f"{100 * gap / loss:.0f}")
    return f"{used}; " + words("exchanging the latents of clips raises the loss by {rise} %.", rise=rise)


def what_could_be_chance(report: Report, dataset: str) -> list[Finding]:
    """The arms that KID's permutation test tells from real clips in no seed, embedding by embedding."""
    words, found, told = report.words, [], []
    for embedding in report.embeddings(dataset, "kid_p"):
        values = report.values(dataset, "kid_p", embedding)
        arms = _arms(report, {arm: min(seeds.values()) for arm, seeds in values.items()})
        alike = {arm: f"p = {words.number(f'{p:.3f}')}" for arm, p in arms.items() if p >= 1 - report.confidence}
        title = embedding_title(embedding)
        if alike:
            said = "KID ({embedding}) cannot tell {count} of {total} arms from real clips."
            found.append(_counted("good", words(said, embedding=title, count=len(alike), total=len(arms)), alike))
        elif arms:
            told.append(f"{title}: p ≤ {words.number(f'{max(arms.values()):.3f}')}")
    sentence = words("KID tells every arm from real clips by permutation:")
    return [*found, *([Finding(f"{sentence} {'; '.join(told)}.")] if told else [])]


def copies(report: Report, dataset: str) -> list[Finding]:
    """Whether samples of an arm lie nearer to training clips than unseen real clips do, embedding by embedding."""
    words, found, far = report.words, [], []
    for embedding in report.embeddings(dataset, "training_distance"):
        arms = _arms(report, report.means(dataset, "training_distance", embedding))
        close = {arm: _short(value, words) for arm, value in arms.items() if value < 1}
        title = embedding_title(embedding)
        if close:
            said = (
                "In {embedding} the samples of {count} arms lie nearer to training clips than unseen real clips do, at "
                "these parts of that distance. Listen to their neighbours below."
            )
            found.append(_counted("bad", words(said, embedding=title, count=len(close)), close))
        elif arms:
            nearest = min(arms, key=lambda arm: arms[arm])
            far.append(f"{title} {_short(arms[nearest], words)} ({_name(nearest)})")
    said = (
        "The samples of no arm lie nearer to training clips than unseen real clips do. The nearest, as multiples of "
        "that distance:"
    )
    return [*found, *([Finding(f"{words(said)} {'; '.join(far)}.", "good")] if far else [])]


def shared_tones(report: Report, dataset: str) -> list[Finding]:
    """The arms in whose clips one tone or offset is always heard, which embeddings may not mind."""
    words, values = report.words, report.means(dataset, "constant_tone", NO_EMBEDDING)
    floor, arms = values.get((REAL, REAL), 0.0), _arms(report, values)
    loud = {arm: f"{words.number(f'{db:.1f}')} dB" for arm, db in arms.items() if db > floor + SHARED_TONE_DB}
    if not loud:
        return []
    said = (
        "In {count} of {total} arms all clips share a tone or an offset, so many dB above its surroundings; in real "
        "clips it is {floor} dB."
    )
    sentence = words(said, count=len(loud), total=len(arms), floor=words.number(f"{floor:.1f}"))
    return [_counted("bad", sentence, loud)]


def _counted(kind: Kind, sentence: str, arms: Mapping[Pair, str]) -> Finding:
    """A sentence that counts arms, with what holds of each."""
    return Finding(sentence, kind, tuple(f"{_name(arm)}: {text}" for arm, text in arms.items()))


def _arms(report: Report, values: Mapping[Pair, float]) -> dict[Pair, float]:
    """Without the floor, baselines, reconstructions and external systems."""
    return {arm: value for arm, value in values.items() if arm in report.competing}


def _name(arm: Pair) -> str:
    return arm[0] if arm[1] == DIRECT else f"{arm[0]} / {arm[1]}"


def _short(value: float, words: Words) -> str:
    return words.number(f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}")
