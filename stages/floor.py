"""Score held-out real clips against the reference: `python stages/floor.py DATASET`.

Writes `scores/DATASET/real/real/0.json`, the floor that no arm can be expected to fall below.
"""

from pathlib import Path

from flowshot.clips.prepared import read_prepared
from flowshot.core.params import read_params
from flowshot.core.process import arguments, stage
from flowshot.scoring.scores import (
    REFERENCE_SEED,
    floor_clips,
    reference_clips,
    score_against_reference,
    tone_scores,
    training_clips,
    write_scores,
)


def main() -> None:
    """Compare validation clips with the reference."""
    name = arguments(__doc__, "dataset").dataset
    config = read_params().score
    prepared = read_prepared(Path("data/prepared") / name)
    reference, floor = reference_clips(prepared), floor_clips(prepared)
    scores = score_against_reference(
        floor.clips,
        reference.clips,
        reference.groups,
        prepared.sample_rate,
        config,
        REFERENCE_SEED,
        candidate_groups=floor.groups,
        training=training_clips(prepared),
    )
    scores += tone_scores(floor.clips, prepared.sample_rate)
    write_scores(Path("scores") / name / "real" / "real" / "0.json", scores)


if __name__ == "__main__":
    stage(main)
