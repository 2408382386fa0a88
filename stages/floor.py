"""Score held-out real clips against each other: `python stages/floor.py DATASET`.

Writes `scores/DATASET/real/real/0.json`, the floor: no arm is expected to be below it.
"""

from pathlib import Path

from flowshot.clips.prepared import PREPARED, read_prepared
from flowshot.core.params import read_params
from flowshot.core.plan import REAL
from flowshot.core.process import stage
from flowshot.generation.config import SampleConfig
from flowshot.scoring.config import ScoreConfig
from flowshot.scoring.scores import score_floor, write_scores


def main(dataset: str) -> None:
    """Compare halves of the held-out clips."""
    params, prepared = read_params(), read_prepared(PREPARED / dataset)
    n = params.section("sample", SampleConfig).clips_of_arm(params.plan)
    scores = score_floor(prepared, params.section("score", ScoreConfig), n)
    write_scores(Path("scores", dataset, REAL, REAL, "0.json"), scores)


if __name__ == "__main__":
    stage(main, __doc__)
