"""`flowshot audit`: what preparation would keep or drop of a folder, and why."""

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from shutil import get_terminal_size

from flowshot.cli.base import Outcome, clip_config, table
from flowshot.preparation.preparation import audit_folder
from flowshot.preparation.selection import REASONS, AuditRow


def run(arguments: argparse.Namespace) -> Outcome:
    """Audit every file; nothing is written."""
    config = clip_config(
        arguments, arguments.folder, cut=arguments.cut, hop_seconds=arguments.seconds, silence_db=arguments.silence_db
    )
    rows = audit_folder(Path(arguments.folder).expanduser().absolute(), config)
    dropped = [row for row in rows if row.status == "dropped"]
    reasons = dict(Counter(row.reason for row in dropped).most_common())
    counts = {"files": len(rows), "kept": len(rows) - len(dropped), "dropped": len(dropped), "reasons": reasons}
    report = {"folder": arguments.folder, **counts, "rows": [asdict(row) for row in rows]}
    columns = get_terminal_size().columns
    text = _summary(len(rows) - len(dropped), reasons, columns)
    for note, count in Counter(row.note for row in rows if row.note).items():
        text += f"\n{count} of the kept: {note}"
    return Outcome(report, f"{text}\n\n{_listed(dropped, columns)}" if dropped else text)


def shortened(name: str, width: int) -> str:
    """The name of a file in at most `width` characters: without its middle where it is longer.

    Example:
        >>> shortened("drums/kit/kick_01.wav", 13)
        'drums/\u202601.wav'
    """
    shown = "".join(character if character.isprintable() else ascii(character)[1:-1] for character in name)
    if len(shown) <= width:
        return shown
    end = (width - 1) // 2
    return f"{shown[: width - 1 - end]}\u2026{shown[-end:]}"


def _summary(kept: int, reasons: dict[str, int], columns: int) -> str:
    """How many files were kept, or dropped for which reason; the meaning of a reason may take several lines."""
    rows = [("kept", kept, ""), *((word, count, REASONS[word]) for word, count in reasons.items())]
    room = columns - max(map(len, ("status", *reasons))) - len("  files  ")
    return table(("status", "files", "meaning"), rows, (None, None, max(20, room)))


def _listed(dropped: Sequence[AuditRow], columns: int) -> str:
    """The dropped files, the reason first."""
    header = ("reason", "seconds", "Hz", "channels", "file")
    room = columns - max(len(row.reason) for row in dropped) - len("  seconds  384000  channels  ")
    rows = [
        (row.reason, row.seconds, row.sample_rate, row.channels, shortened(row.source, max(20, room)))
        for row in dropped
    ]
    return table(header, rows)
