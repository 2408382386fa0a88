"""`flowshot score`: the distances of any two folders of audio."""

import argparse
import sys
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from flowshot.commands.base import Commands, Outcome, add_clip_options, add_command, clip_config, table
from flowshot.config import DatasetConfig, ScoreConfig
from flowshot.datasets.inputs import InputFile, list_files
from flowshot.errors import FlowshotError

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class AudioSet:
    """Clips of a folder: `clips: [n, samples]`, the file of each, and what is to be known about the folder."""

    clips: "np.ndarray"
    files: list[str]
    facts: dict[str, Any]


def add(commands: Commands) -> None:
    """Declare the sub-command."""
    description = "Measure how far a folder of audio is from another: FAD and KID, with intervals."
    example = "flowshot score --reference ~/sounds --candidate drawn --embedding logmel"
    parser = add_command(commands, "score", description, example, run)
    parser.add_argument("--reference", metavar="DIR", required=True, help="real audio, searched recursively")
    parser.add_argument("--candidate", metavar="DIR", required=True, help="what is judged, searched recursively")
    known = ", ".join(ScoreConfig().embeddings)
    parser.add_argument("--embedding", metavar="NAME", action="extend", nargs="+", help=f"which embeddings ({known})")
    add_clip_options(parser)
    parser.add_argument("--seed", type=int, default=0, help="of the choice of clips and of intervals (%(default)s)")


def run(arguments: argparse.Namespace) -> Outcome:
    """Decode both folders to clips of one rate and length, take equally many of each, and compare."""
    config = clip_config(arguments, arguments.reference)
    scoring = ScoreConfig(embeddings=tuple(dict.fromkeys(arguments.embedding or ScoreConfig().embeddings)))
    folders = {"reference": arguments.reference, "candidate": arguments.candidate}
    listed = {role: audio_files(folder) for role, folder in folders.items()}

    # Imported here: scipy and the embeddings' runtimes take a second, which other sub-commands should not wait for.
    from flowshot.embeddings.cache import EmbeddingCache
    from flowshot.embeddings.registry import embedder
    from flowshot.scoring import score_against_reference

    for name in scoring.embeddings:
        embedder(name)  # an embedding that cannot run fails before minutes go into decoding
    n = min(len(audio) for audio, _ in listed.values())
    sets = {role: read_set(role, folders[role], *found, n, config, arguments.seed) for role, found in listed.items()}
    reference, candidate = sets["reference"], sets["candidate"]
    # A folder that is gone afterwards: this may run anywhere, and must leave nothing behind.
    with TemporaryDirectory(prefix="flowshot.") as cache:
        scores = score_against_reference(
            candidate.clips,
            reference.clips,
            reference.files,
            config.sample_rate,
            scoring,
            arguments.seed,
            candidate_groups=candidate.files,
            cache=EmbeddingCache(cache),
        )
    rows = [asdict(score) for score in scores]
    report = {
        **{role: each.facts for role, each in sets.items()},
        "n": n, "sample_rate": config.sample_rate, "seconds": config.clip_seconds, "seed": arguments.seed,
        "confidence": scoring.confidence, "scores": rows,
    }  # fmt: skip
    header = ("metric", "embedding", "value", "ci_low", "ci_high", "n")
    text = table(header, [[row[name] for name in header] for row in rows])
    how = f"{n} clips of {config.clip_seconds:g} s at {config.sample_rate} Hz in each set"
    return Outcome(report, f"{text}\n\n{how}; {scoring.confidence:.0%} intervals")


def audio_files(folder: str) -> tuple[list[InputFile], list[str]]:
    """The files below `folder` that are audio by their names, and the names of the others.

    Raises:
        FlowshotError: the folder is missing or holds fewer than 2 audio files.
    """
    from flowshot.audio.decode import AUDIO_SUFFIXES  # imports the decoders, see `run`

    files = list_files(Path(folder).expanduser().absolute())
    audio = [file for file in files if PurePosixPath(file.source).suffix.casefold() in AUDIO_SUFFIXES]
    others = sorted({file.source for file in files} - {file.source for file in audio})
    if len(audio) < 2:
        raise FlowshotError(f"{folder}: holds {len(audio)} audio files, but a comparison needs at least 2; add audio")
    return audio, others


def read_set(
    role: str,
    folder: str,
    audio: list[InputFile],
    others: list[str],
    n: int,
    config: DatasetConfig,
    seed: int,
) -> AudioSet:
    """Decode every file, so that none can hide that it is damaged, and keep `n` of them, drawn by `seed`.

    What is left out, cut or padded is said on standard error.

    Raises:
        FlowshotError: a file cannot be decoded; names it.
    """
    # Imported here: see `run`.
    import numpy as np
    from tqdm import tqdm

    from flowshot.audio.decode import UnusableAudio, quiet_decoders
    from flowshot.audio.excerpt import read_excerpt
    from flowshot.datasets.selection import REASONS
    from flowshot.randomness import numpy_generator

    chosen = np.sort(numpy_generator(seed, "score", role).permutation(len(audio))[:n])
    position = {int(index): row for row, index in enumerate(chosen)}
    clips = np.empty((n, config.clip_samples), dtype=np.float32)
    cut = padded = 0
    for index, file in enumerate(tqdm(audio, desc=role, unit="file", disable=None)):
        try:
            with quiet_decoders():
                excerpt = read_excerpt(file.path, config.sample_rate, config.clip_samples)
        except UnusableAudio as problem:
            raise FlowshotError(
                f"{file.path}: {problem.reason} ({REASONS[problem.reason]}); mend it or take it out, then score again"
            ) from None
        if index in position:
            clips[position[index]] = excerpt.audio
            cut, padded = cut + excerpt.cut, padded + excerpt.padded
    facts = {"folder": folder, "files": len(audio), "not_audio": others, "cut": cut, "padded": padded}
    for count, what in (
        (len(others), "files are no audio by their names and are left out"),
        (len(audio) - n, f"of {len(audio)} files are left out, so that both sets have {n}"),
        (cut, f"of {n} files go on after {config.clip_seconds:g} s, and only that much is heard"),
        (padded, f"of {n} files are shorter than {config.clip_seconds:g} s, and silence follows them"),
    ):
        if count:
            print(f"{role}: {count} {what}", file=sys.stderr)
    return AudioSet(clips, [str(audio[index].path.resolve()) for index in chosen], facts)
