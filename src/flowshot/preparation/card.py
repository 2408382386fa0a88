"""The card of a prepared dataset, for people."""

from typing import Any

from flowshot.preparation.selection import REASONS


def card_text(card: dict[str, Any]) -> str:
    """`dataset.json` as Markdown: origin, licences, what was kept and dropped, and how clips were made."""
    counts = card["counts"]
    seconds = card["clip_samples"] / card["sample_rate"]
    lines = [
        f"# Dataset {card['name']}",
        "",
        f"{card['origin'][:1].upper()}{card['origin'][1:]}. Licence: {card['licence']}.",
        "",
    ]
    lines += [f"- **Incomplete:** {line}" for line in card["incomplete"]] + [""] * bool(card["incomplete"])
    lines += [
        f"{sum(counts['clips'].values())} clips of {seconds:g} s at {card['sample_rate']} Hz, mono, from "
        f"{counts['files']['kept']} files with {card['source_seconds'] / 60:.1f} min of audio.",
        "",
        "| split | clips | groups |",
        "|---|---|---|",
        *(f"| {split} | {counts['clips'][split]} | {counts['groups'][split]} |" for split in counts["clips"]),
        "",
        "Clips of one group (one track, the takes and velocity layers of one instrument, copies) share a split.",
        "",
        "| dropped files | reason | meaning |",
        "|---|---|---|",
        *(f"| {count} | {reason} | {REASONS[reason]} |" for reason, count in counts["files"]["dropped"].items()),
        "",
    ]
    if counts["dropped_clips"]:
        dropped = ", ".join(f"{count} {reason}" for reason, count in counts["dropped_clips"].items())
        lines += [f"Clips dropped of files that were read: {dropped}.", ""]
    if card["packages"]:
        lines += ["| package | version | licence | origin | SHA-256 |", "|---|---|---|---|---|"]
        lines += [
            f"| {item['name']} | {item['version']} | {item['licence']} | {item['origin']} | `{item['sha256']}` |"
            for item in card["packages"]
        ]
        lines += [""]
    lines += ["How clips were made:", ""]
    lines += [f"- `{key}: {value}`" for key, value in card["config"].items() if key not in ("source", "path")]
    return "\n".join(lines) + "\n"
