"""`flowshot audit`: what preparation would keep or drop of a folder, and why."""

import argparse
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from flowshot.cli.base import Commands, Outcome, add_clip_options, add_command, clip_config, table

EXAMPLES = (
    "flowshot audit ~/sounds --sample-rate 44100",
    "flowshot audit ~/field-recordings --cut windows --seconds 2 --json | jq .reasons",
)


def add(commands: Commands) -> None:
    """Declare the sub-command."""
    description = "Say what would be kept or dropped of a folder of audio, and why."
    parser = add_command(commands, "audit", description, EXAMPLES, run)
    parser.add_argument("folder", metavar="DIR", help="folder of audio, searched recursively")
    add_clip_options(parser)
    parser.add_argument("--cut", choices=("file", "windows"), help="clips: one a file, or windows")
    parser.add_argument("--silence-db", type=float, metavar="DB", help="peak of silence (as `clips` in params.yaml)")


def run(arguments: argparse.Namespace) -> Outcome:
    """Audit every file; nothing is written."""
    # Imported here: decoders and scipy take half a second, which no other sub-command should wait for.
    from flowshot.preparation.preparation import audit_folder
    from flowshot.preparation.selection import REASONS

    changes = {"cut": arguments.cut, "silence_db": arguments.silence_db}
    config = clip_config(arguments, arguments.folder, **{k: v for k, v in changes.items() if v is not None})
    rows = audit_folder(Path(arguments.folder).expanduser().absolute(), config)
    dropped = [row for row in rows if row.status == "dropped"]
    reasons = dict(Counter(row.reason for row in dropped).most_common())
    counts = {"files": len(rows), "kept": len(rows) - len(dropped), "dropped": len(dropped), "reasons": reasons}
    report = {"folder": arguments.folder, **counts, "rows": [asdict(row) for row in rows]}
    summary = [("kept", counts["kept"], ""), *((word, count, REASONS[word]) for word, count in reasons.items())]
    text = table(("status", "files", "meaning"), summary)
    if dropped:
        listed = [(row.source, row.reason, row.seconds, row.sample_rate, row.channels) for row in dropped]
        text += "\n\n" + table(("dropped", "reason", "seconds", "sample rate", "channels"), listed)
    return Outcome(report, text)
