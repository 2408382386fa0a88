"""Score held-out real clips against the reference: `python stages/floor.py DATASET`.

Writes `scores/DATASET/real/real/0.json`, the floor that no arm can be expected to fall below.
"""

from pathlib import Path

from flowshot.clips.prepared import read_prepared
from flowshot.core.params import read_params
from flowshot.core.process import arguments, stage
from flowshot.scoring.config import ScoreConfig
from flowshot.scoring.scores import score_floor, write_scores


def main() -> None:
    """Compare validation clips with the reference."""
    name = arguments(__doc__, "dataset").dataset
    prepared = read_prepared(Path("data/prepared") / name)
    scores = score_floor(prepared, read_params().section("score", ScoreConfig))
    write_scores(Path("scores") / name / "real" / "real" / "0.json", scores)


if __name__ == "__main__":
    stage(main)
