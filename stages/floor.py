"""Score held-out real clips against the reference: `python stages/floor.py DATASET`.

Writes `scores/DATASET/real/real/0.json`, the floor that no arm can be expected to fall below.
"""

import argparse
from pathlib import Path

from flowshot.datasets.prepared import read_prepared
from flowshot.params import read_params
from flowshot.scoring import REFERENCE_SEED, floor_clips, reference_clips, score_against_reference, write_scores
from flowshot.stage import stage


def main() -> None:
    """Compare validation clips with the reference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset")
    arguments = parser.parse_args()
    config = read_params().score
    prepared = read_prepared(Path("data/prepared") / arguments.dataset)
    reference, floor = reference_clips(prepared), floor_clips(prepared)
    scores = score_against_reference(
        floor.clips,
        reference.clips,
        reference.groups,
        prepared.sample_rate,
        config,
        REFERENCE_SEED,
        candidate_groups=floor.groups,
    )
    write_scores(Path("scores") / arguments.dataset / "real" / "real" / "0.json", scores)


if __name__ == "__main__":
    stage(main)
