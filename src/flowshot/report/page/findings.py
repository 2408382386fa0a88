"""What stands out in the numbers of a dataset, as sentences: differences, equivalences and faults.

Nothing is weighed here: a sentence appears where a rule that is written below holds, and carries what it holds by.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from flowshot.core.plan import REAL, RECONSTRUCTION
from flowshot.report.page.answer import Distances, main_distances, p_text, tested_differences
from flowshot.report.paired import BASELINE, COMPARED
from flowshot.report.project import Training
from flowshot.report.registry import embedding_title
from flowshot.report.results import Pair, Report, arm_name
from flowshot.scoring.metrics.score import NO_EMBEDDING

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


def findings(report: Report, dataset: str) -> tuple[list[Finding], str]:
    """Everything that stands out in a dataset of the plan, and in one line what could not be decided."""
    different, undecided = differences(report, dataset)
    distances = main_distances(report, dataset)
    decoder = decoder_or_prior(distances) if distances else []
    faults = [*collapsed(report, dataset), *copies(report, dataset), *shared_tones(report, dataset)]
    return [*different, *decoder, *like_real_clips(report, dataset), *faults], undecided


def decoder_or_prior(found: Distances) -> list[Finding]:
    """Whether the decoder or the prior keeps the best arm from real clips."""
    words, means = found.report.words, found.means
    best = next(arm for arm in means.index if arm in found.report.competing)
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
            "{share} of the way from {arm} to real clips is up to its prior: reconstructions of test clips are at "
            "{metric} {decoder}, its samples at {value}."
        )
    texts = {"decoder": found.text(decoder), "value": found.text(means[best]), "metric": found.title}
    return [Finding(words(said, share=f"{share:.0%}", arm=arm_name(best), **texts))]


def differences(report: Report, dataset: str) -> tuple[list[Finding], str]:
    """The arms that differ from `no_nf` in any compared metric after Holm's correction; in a line those that do not."""
    words, alpha = report.words, 1 - report.confidence
    evidence: dict[Pair, tuple[list[str], list[str]]] = {}
    for found in (Distances(report, dataset, name, by) for name in COMPARED for by in report.embeddings(dataset, name)):
        for arm, row in tested_differences(found).dropna(subset="p").iterrows():
            closer, further = evidence.setdefault(arm, ([], []))
            if row["p"] < alpha:
                line = f"{found.title} {found.difference(row)}"
                (closer if row["difference"] < 0 else further).append(line)
    kinds: tuple[Kind, Kind] = ("good", "bad")
    sentences = (
        "{count} of {total} arms are closer to real clips than {baseline} with the same prior (p < {alpha}, Holm).",
        "{count} of {total} arms are further from real clips than {baseline} with the same prior (p < {alpha}, Holm).",
    )
    told = []
    for place, (kind, sentence) in enumerate(zip(kinds, sentences, strict=True)):
        lines = {arm: "; ".join(both[place]) for arm, both in evidence.items() if both[place]}
        about = {"count": len(lines), "total": len(evidence), "baseline": BASELINE}
        if lines:
            told.append(_counted(kind, words(sentence, alpha=words.number(f"{alpha:.2g}"), **about), lines))
    open_arms = [arm_name(arm) for arm, both in evidence.items() if not any(both)]
    said = "No difference from {baseline} with the same prior could be shown for {arms}."
    return told, words(said, baseline=BASELINE, arms=", ".join(open_arms)) if open_arms else ""


def collapsed(report: Report, dataset: str) -> list[Finding]:
    """The trainings whose decoder ignores the latent, or in a line that there are none."""
    words = report.words
    judged = [one for one in report.trainings.get(dataset, ()) if "verdict" in one.diagnostics]
    unused = [one for one in judged if one.diagnostics["verdict"] != "healthy"]
    if unused:
        said = "In {count} of {total} trainings the decoder ignores the latent, wholly or in part (posterior collapse)."
        evidence = tuple(_usage(report, one) for one in unused)
        return [Finding(words(said, count=len(unused), total=len(judged)), "bad", evidence)]
    if not judged:
        return []
    worst = min(judged, key=lambda one: one.diagnostics.get("used_units", 0) / one.diagnostics.get("latent_size", 1))
    said = words("No posterior is collapsed ({total} trainings). The least used latent:", total=len(judged))
    return [Finding(f"{said} {_usage(report, worst)}", "good")]


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


def like_real_clips(report: Report, dataset: str) -> list[Finding]:
    """The arms that KID's permutation test tells from real clips in no seed, embedding by embedding."""
    said = "KID ({embedding}) cannot tell {count} of {total} arms from real clips."
    found = []
    for embedding in report.embeddings(dataset, "kid_p"):
        lowest = _arms(report, report.seeds(dataset, "kid_p", embedding).min(axis=1))
        alike = {arm: p_text(p, report) for arm, p in lowest.items() if p >= 1 - report.confidence}
        about = {"embedding": embedding_title(embedding), "count": len(alike), "total": len(lowest)}
        found += [_counted("good", report.words(said, **about), alike)] if alike else []
    return found


def copies(report: Report, dataset: str) -> list[Finding]:
    """The arms whose samples lie nearer to training clips than unseen real clips do, embedding by embedding."""
    said = (
        "In {embedding} the samples of {count} arms lie nearer to training clips than unseen real clips do, at "
        "these parts of that distance. Listen to their neighbours below."
    )
    found = []
    for embedding in report.embeddings(dataset, "training_distance"):
        distances = _arms(report, report.seeds(dataset, "training_distance", embedding).mean(axis=1))
        close = {arm: report.words.number(f"{value:.3g}") for arm, value in distances.items() if value < 1}
        about = {"embedding": embedding_title(embedding), "count": len(close)}
        found += [_counted("bad", report.words(said, **about), close)] if close else []
    return found


def shared_tones(report: Report, dataset: str) -> list[Finding]:
    """The arms in whose clips one tone or offset is always heard, which embeddings may not mind."""
    words, values = report.words, report.seeds(dataset, "constant_tone", NO_EMBEDDING).mean(axis=1)
    floor, arms = values.get((REAL, REAL), 0.0), _arms(report, values)
    loud = {arm: f"{words.number(f'{db:.1f}')} dB" for arm, db in arms.items() if db > floor + SHARED_TONE_DB}
    said = (
        "In {count} of {total} arms all clips share a tone or an offset, so many dB above its surroundings; in real "
        "clips it is {floor} dB."
    )
    sentence = words(said, count=len(loud), total=len(arms), floor=words.number(f"{floor:.1f}"))
    return [_counted("bad", sentence, loud)] if loud else []


def _counted(kind: Kind, sentence: str, arms: Mapping[Pair, str]) -> Finding:
    """A sentence that counts arms, with what holds of each."""
    return Finding(sentence, kind, tuple(f"{arm_name(arm)}: {text}" for arm, text in arms.items()))


def _arms(report: Report, values: pd.Series) -> pd.Series:
    """Without the floor, baselines, reconstructions and external systems."""
    return values[values.index.isin(report.competing)]
