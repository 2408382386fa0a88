"""Score held-out real clips against the reference: `python stages/floor.py DATASET`.

Writes `scores/DATASET/real/real/0.json`, the floor that no arm can be expected to fall below.
"""

from pathlib import Path

from flowshot.clips.prepared import PREPARED, read_prepared
from flowshot.core.params import read_params
from flowshot.core.plan import REAL
from flowshot.core.process import stage
from flowshot.scoring.config import ScoreConfig
from flowshot.scoring.scores import score_floor, write_scores


def main(dataset: str) -> None:
    """Compare validation clips with the reference."""
    config = read_params().section("score", ScoreConfig)
    write_scores(Path("scores", dataset, REAL, REAL, "0.json"), score_floor(read_prepared(PREPARED / dataset), config))


if __name__ == "__main__":
    stage(main, __doc__)
