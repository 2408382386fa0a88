"""Score the clips of one arm: `python stages/score.py DATASET AUTOENCODER PRIOR SEED`.

Writes `scores/DATASET/AUTOENCODER/PRIOR/SEED.json`: how far its clips are from the reference, and what they are like.
"""

from pathlib import Path

from flowshot.clips.prepared import read_prepared
from flowshot.core.params import read_params
from flowshot.core.process import arguments, stage
from flowshot.scoring.config import ScoreConfig
from flowshot.scoring.scores import read_clips, score_arm, write_scores

# Pairs, not samples: clip i is the reconstruction of clip i of the reference.
RECONSTRUCTION = "reconstruction"


def main() -> None:
    """Score the clips of the arm and write the scores."""
    chosen = arguments(__doc__, "dataset", "autoencoder", "prior", "seed")
    arm = Path(chosen.dataset, chosen.autoencoder, chosen.prior)
    prepared = read_prepared(Path("data/prepared") / chosen.dataset)
    clips = read_clips("generated" / arm / str(chosen.seed) / "clips.npy")
    config = read_params().section("score", ScoreConfig)
    scores = score_arm(clips, prepared, config, chosen.seed, paired=chosen.prior == RECONSTRUCTION)
    write_scores("scores" / arm / f"{chosen.seed}.json", scores)


if __name__ == "__main__":
    stage(main)
