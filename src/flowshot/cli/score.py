"""`flowshot score`: the distances of any two folders of audio, which may become a row of the report."""

import argparse
import re
import sys
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flowshot.cli.audio_sets import audio_files, described, held_out_set, read_set
from flowshot.cli.base import Outcome, WrongUse, clip_config, table
from flowshot.cli.terminal import working
from flowshot.clips.prepared import read_prepared
from flowshot.core.errors import FlowshotError
from flowshot.core.params import project_params, read_params
from flowshot.core.sections import NAME, NAME_RULE
from flowshot.scoring.comparison.embedded import ClipSets
from flowshot.scoring.config import ScoreConfig
from flowshot.scoring.embeddings.cache import EmbeddingCache
from flowshot.scoring.embeddings.registry import embedder, unknown_embedding
from flowshot.scoring.metrics.paired import INFLUENCE
from flowshot.scoring.metrics.sample_size import fewest_clips
from flowshot.scoring.metrics.score import NUMBER, Score
from flowshot.scoring.scores import score_against_reference, score_entry, tone_scores, training_clips, write_scores


def run(arguments: argparse.Namespace) -> Outcome:
    """Decode both folders to clips of one rate and length, take equally many of each, and compare."""
    config = clip_config(arguments, arguments.reference)
    scoring = score_config(arguments)
    place = Path(arguments.reference).expanduser()
    prepared = read_prepared(place) if (place / "dataset.json").is_file() else None
    if prepared is not None:
        if arguments.seconds or arguments.sample_rate:
            raise WrongUse(f"argument --seconds: clips are those of {place}; leave --seconds and --sample-rate out")
        seconds = prepared.clip_samples / prepared.sample_rate
        config = replace(config, sample_rate=prepared.sample_rate, clip_seconds=seconds)
    roles = ("reference", "candidate") if prepared is None else ("candidate",)
    listed = {role: audio_files(getattr(arguments, role)) for role in roles}
    for name in scoring.embeddings:
        # An embedding that cannot run fails before minutes go into decoding.
        embedder(name, scoring.policy, scoring.checkpoints)
    sets = {} if prepared is None else {"reference": held_out_set(prepared, arguments.seed)}
    most = len(sets["reference"].drawn) if sets else min(len(each.audio) for each in listed.values())
    if len(listed["candidate"].audio) < most:
        raise FlowshotError(
            f"{arguments.candidate}: holds {len(listed['candidate'].audio)} audio files, but a row of the tables needs "
            f"as many as {arguments.reference} has for testing, {most}; add audio"
        )
    for role, files in listed.items():
        sets[role] = read_set(role, files, most, config, scoring, arguments.seed)
    n = min(len(each.drawn) for each in sets.values())
    if n < 2:
        raise FlowshotError(f"{n} files of each set could be decoded, but a comparison needs at least 2; add audio")
    facts = {role: described(role, each, n, config) for role, each in sets.items()}
    reference, candidate = sets["reference"].first(n), sets["candidate"].first(n)
    training = None if prepared is None else training_clips(prepared)
    # A folder that is gone afterwards: this may run anywhere, and must leave nothing behind.
    with TemporaryDirectory(prefix="flowshot.") as cache, working("embedding and comparing"):
        compared = ClipSets(candidate, reference, training, config.sample_rate)
        scores = score_against_reference(compared, scoring, arguments.seed, EmbeddingCache(cache))
    scores += tone_scores(candidate.clips, config.sample_rate)
    # For pairs of arms only; and the influence names every file.
    kept = [{k: v for k, v in score.details.items() if k != INFLUENCE} for score in scores]
    scores = [replace(score, details=details) for score, details in zip(scores, kept, strict=True)]
    if arguments.name:
        path = external_path(prepared.name if prepared else None, arguments.reference, arguments.name)
        write_scores(path, scores)
        print(f"written to {path}; `flowshot report` shows it as external, and it can be committed", file=sys.stderr)
    skipped = [
        {"set": role, "clip": file, "reason": reason}
        for role, each in sets.items()
        for file, reason in each.unusable.items()
    ]
    about = facts | {
        "n": n, "sample_rate": config.sample_rate, "seconds": config.clip_seconds, "seed": arguments.seed,
        "confidence": scoring.confidence, "policy": asdict(scoring.policy), "skipped": skipped,
    }  # fmt: skip
    return outcome(about, scores)


def outcome(about: dict[str, Any], scores: list[Score]) -> Outcome:
    """The scores with what is known of both sets, as an object and as a table."""
    few = {
        (each.metric, each.embedding)
        for each in scores
        if each.n < fewest_clips(each.metric, each.details.get("dimensions", 0))
    }
    marked = [{"metric": metric, "embedding": embedding} for metric, embedding in sorted(few)]
    report = {**about, "too_few_clips_for": marked, "scores": [score_entry(each) for each in scores]}
    rows = [
        [*(getattr(each, name) for name in NUMBER), "†" if (each.metric, each.embedding) in few else ""]
        for each in scores
    ]
    how = f"{about['n']} clips of {about['seconds']:g} s at {about['sample_rate']} Hz in each set"
    note = "\n† too few clips for the dimension of the embedding" if few else ""
    return Outcome(report, f"{table((*NUMBER, ''), rows)}\n\n{how}; {about['confidence']:.0%} intervals{note}")


def external_path(dataset: str | None, reference: str, name: str) -> Path:
    """Where the report looks for a system that was not trained here.

    One that was compared with a folder is in a section of its own: it has another reference than any arm.
    """
    folder = re.sub(r"[^A-Za-z0-9_-]+", "-", Path(reference).expanduser().resolve().name).strip("-") or "reference"
    return Path("scores") / (dataset or f"folder-{folder}") / "external" / name / "0.json"


def score_config(arguments: argparse.Namespace) -> ScoreConfig:
    """The section `score` of params.yaml with what the options say.

    Raises:
        WrongUse: an embedding is unknown, a number is out of its limits, or --as meets another policy.
    """
    if arguments.name and not NAME.fullmatch(arguments.name):
        raise WrongUse(f"argument --as: {NAME_RULE}, found {arguments.name!r}")
    # A row beside the plan's arms needs a project to be kept in.
    planned = (read_params() if arguments.name else project_params()).section("score", ScoreConfig)
    embeddings = tuple(dict.fromkeys(arguments.embedding or planned.embeddings))
    for name in embeddings:
        if problem := unknown_embedding(name):
            raise WrongUse(f"argument --embedding: {problem}")
    given = {name: getattr(arguments, name) for name in asdict(planned.policy)}
    try:
        policy = replace(planned.policy, **{name: value for name, value in given.items() if value is not None})
    except ValueError as error:
        raise WrongUse(f"{error} (--window, --hop and --level-db)") from None
    if arguments.name and policy != planned.policy:
        raise WrongUse("argument --as: the clip policy is that of params.yaml; leave --window, --hop and --level out")
    return replace(
        planned,
        embeddings=embeddings,
        checkpoints=arguments.checkpoints or planned.checkpoints,
        on_bad_clip=arguments.on_bad_clip or planned.on_bad_clip,
        policy=policy,
    )
