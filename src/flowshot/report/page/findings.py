"""What stands out in the numbers of a dataset, as sentences: differences, equivalences and faults.

Nothing is weighed here: a sentence appears where a rule that is written below holds, and carries what it holds by.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from flowshot.core.plan import REAL, RECONSTRUCTION
from flowshot.report.page.answer import Distances, p_text
from flowshot.report.paired import BASELINE, DIFFERS, EQUAL, FAMILIES, POWER, UNDECIDED, Compared
from flowshot.report.project import Training
from flowshot.report.registry import embedding_title
from flowshot.report.results import Report, arm_name

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


def findings(report: Report, dataset: str, distances: Distances) -> tuple[list[Finding], str]:
    """Everything that stands out in a dataset of the plan, and in one line what could not be decided."""
    different, undecided = differences(distances)
    faults = [*collapsed(report, dataset), *copies(report, dataset), *shared_tones(report, dataset)]
    return [*different, *decoder_or_prior(distances), *like_real_clips(report, dataset), *faults], undecided


def decoder_or_prior(found: Distances) -> list[Finding]:
    """Whether the decoder or the prior keeps the best arm from real clips."""
    words, means, best = found.words, found.means, found.arms[0]
    floor, decoder = means.get((REAL, REAL)), means.get((best[0], RECONSTRUCTION))
    if floor is None or decoder is None or means[best] <= floor:
        return []
    # Reconstructions may lie below the floor: they are of the very clips that are compared with.
    share = min(1.0, (means[best] - decoder) / (means[best] - floor))
    if share <= NEAR:
        said = (
            "The decoder is the limit of {arm}: reconstructions of test clips are at {metric} {decoder}, its samples "
            "at {value}."
        )
    else:
        said = (
            "The prior accounts for {share} of the distance between {arm} and real clips: reconstructions of test "
            "clips are at {metric} {decoder}, its samples at {value}."
        )
    texts = {"decoder": found.text(decoder), "value": found.text(means[best]), "metric": found.title}
    return [Finding(words(said, share=f"{share:.0%}", arm=arm_name(best), **texts))]


def differences(distances: Distances) -> tuple[list[Finding], str]:
    """What the comparisons of arms in the main distance say, and in a line those that say nothing.

    They are the tests that the answer rests on, so both count the same arms.
    """
    words = distances.words
    told: list[Finding] = []
    undecided: list[Compared] = []
    alpha = words.number(f"{1 - distances.report.confidence:.2g}")
    why = words("{metric}, p < {alpha}, Holm", metric=distances.title, alpha=alpha)
    further = "In {count} of {total} comparisons with {baseline} the arm is further from real clips ({why})."
    closer = "In {count} of {total} comparisons with {baseline} the arm is closer to real clips ({why})."
    apart = "In {count} of {total} comparisons one prior is closer to real clips than another ({why})."
    same = "In {count} of {total} comparisons both arms are equivalent ({why})."
    for family in FAMILIES:
        pairs = [one for one in distances.compared(family) if one.test]
        different = [one for one in pairs if one.verdict == DIFFERS]
        equal = [one for one in pairs if one.verdict == EQUAL]
        undecided += [one for one in pairs if one.verdict == UNDECIDED]
        groups: list[tuple[str, Kind, list[Compared]]] = [(apart, "plain", different)]
        if family == "autoencoders":
            below = [one for one in different if one.difference < 0]
            above = [one for one in different if one.difference >= 0]
            groups = [(closer, "good", below), (further, "bad", above)]
        for said, kind, shown in [*groups, (same, "plain", equal)]:
            if shown:
                sentence = words(said, count=len(shown), total=len(pairs), baseline=BASELINE, why=why)
                told.append(Finding(sentence, kind, tuple(_line(distances, one) for one in shown)))
    return told, _undecided(distances, undecided)


def _line(distances: Distances, one: Compared) -> str:
    words, metric = distances.words, distances.title
    about = {"arm": arm_name(one.arm), "other": arm_name(one.other), "metric": metric}
    return words("{arm} against {other}: {metric} {difference}", difference=distances.difference(one), **about)


def _undecided(distances: Distances, pairs: list[Compared]) -> str:
    """One line with the difference that would have been found."""
    if not pairs:
        return ""
    words = distances.words
    missed = [one.test.found_from for one in pairs if one.test]
    named = "; ".join(words("{arm} against {other}", arm=arm_name(one.arm), other=arm_name(one.other)) for one in pairs)
    said = (
        "Neither a difference nor equivalence could be shown for: {pairs}. A difference of {metric} {least} would "
        "have been found by each test alone with probability {power}."
    )
    about = {"least": distances.text(max(missed)), "power": words.number(f"{POWER}")}
    return words(said, pairs=named, metric=distances.title, **about)


def collapsed(report: Report, dataset: str) -> list[Finding]:
    """The trainings whose decoder ignores the latent, or in a line that there are none."""
    words = report.words
    judged = [
        one for one in report.trainings.get(dataset, ()) if one.diagnostics.get("verdict", "untrained") != "untrained"
    ]
    if not judged:
        return []
    unused = [one for one in judged if one.diagnostics["verdict"] != "healthy"]
    if unused:
        said = "In {count} of {total} trainings the decoder ignores the latent, wholly or in part (posterior collapse)."
        evidence = tuple(_usage(report, one) for one in unused)
        return [Finding(words(said, count=len(unused), total=len(judged)), "bad", evidence)]
    worst = min(judged, key=lambda one: one.diagnostics["used_units"] / one.diagnostics["latent_size"])
    said = words("No posterior has collapsed ({total} trainings). The least used latent:", total=len(judged))
    return [Finding(f"{said} {_usage(report, worst)}", "good")]


def _usage(report: Report, training: Training) -> str:
    said, words = training.diagnostics, report.words
    name = training.model if len(report.plan.seeds) == 1 else f"{training.model} (seed {training.seed})"
    sentence = (
        "{name}: {used} of {size} dimensions vary over clips and reach the decoder; exchanging the latents of clips "
        "raises the loss by {rise} %."
    )
    rise = words.number(f"{100 * said['shuffle_gap'] / (said['reconstruction'] or 1):.0f}")
    return words(sentence, name=name, used=said["used_units"], size=said["latent_size"], rise=rise)


def like_real_clips(report: Report, dataset: str) -> list[Finding]:
    """The arms that KAD's bootstrap test does not distinguish from real clips in any seed."""
    said = "KAD ({embedding}) cannot tell {count} of {total} arms from real clips."
    alpha = 1 - report.confidence
    return _arms(report, dataset, "kad_p", said, "plain", lambda p, _: p >= alpha, lambda p: p_text(p, report), "min")


def copies(report: Report, dataset: str) -> list[Finding]:
    """The arms whose samples lie nearer to training clips than unseen real clips do, with every interval."""
    said = (
        "In {embedding} the samples of {count} of {total} arms lie nearer to training clips than unseen real clips "
        "do, at these shares of that distance. Listen to their neighbours below."
    )
    below, text = lambda x, _: x < 1, lambda x: f"≤ {report.words.number(f'{x:.3g}')}"
    return _arms(report, dataset, "training_distance", said, "bad", below, text, "max", "ci_high")


def shared_tones(report: Report, dataset: str) -> list[Finding]:
    """The arms in whose clips one tone or offset is always heard, which embeddings may not mind."""
    said = (
        "In {count} of {total} arms all clips share a tone or an offset that rises above its surroundings by the dB "
        "given; in real clips by {floor} dB."
    )
    number = report.words.number
    loud, text = lambda db, floor: db > floor + SHARED_TONE_DB, lambda db: f"{number(f'{db:.1f}')} dB"
    return _arms(report, dataset, "constant_tone", said, "bad", loud, text)


def _arms(
    report: Report,
    dataset: str,
    name: str,
    said: str,
    kind: Kind,
    holds: Callable[[float, float], bool],
    text: Callable[[float], str],
    over_seeds: str = "mean",
    column: str = "value",
) -> list[Finding]:
    """A finding for each embedding under which `holds` of the metric `name` of any arm, and of the floor."""
    found = []
    for embedding in report.embeddings(dataset, name):
        values = report.rows(dataset, name, embedding).groupby(["autoencoder", "prior"])[column].agg(over_seeds)
        arms, floor = values[values.index.isin(report.competing)], values.get((REAL, REAL), 0.0)
        evidence = tuple(f"{arm_name(arm)}: {text(value)}" for arm, value in arms.items() if holds(value, floor))
        about = {"embedding": embedding_title(embedding), "count": len(evidence), "total": len(arms)}
        sentence = report.words(said, floor=report.words.number(f"{floor:.1f}"), **about)
        found += [Finding(sentence, kind, evidence)] if evidence else []
    return found
