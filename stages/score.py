"""Score the clips of one arm: `python stages/score.py DATASET AUTOENCODER PRIOR SEED`.

Writes `scores/DATASET/AUTOENCODER/PRIOR/SEED.json`: the distances of its clips from the reference, how fast they
were sampled, how well the prior describes held-out latents, and what is known of the model.
"""

import argparse
from pathlib import Path

from flowshot.datasets.prepared import read_prepared
from flowshot.errors import FlowshotError
from flowshot.params import read_params
from flowshot.scoring import (
    diagnostic_scores,
    nats_score,
    read_clips,
    reconstruction_score,
    reference_clips,
    score_against_reference,
    speed_score,
    write_scores,
)
from flowshot.stage import stage

# Pairs, not samples: clip i is the reconstruction of clip i of the reference.
RECONSTRUCTION = "reconstruction"


def main() -> None:
    """Collect every score of the arm and write them."""
    arguments = parse_arguments()
    arm = Path(arguments.dataset) / arguments.autoencoder
    drawn = arm / arguments.prior / str(arguments.seed)
    model, prior, generated = Path("models") / arm / str(arguments.seed), "priors" / drawn, "generated" / drawn
    config = read_params().score
    prepared = read_prepared(Path("data/prepared") / arguments.dataset)
    reference = reference_clips(prepared)
    paired = arguments.prior == RECONSTRUCTION

    clips = read_clips(generated / "clips.npy")
    if clips.shape != reference.clips.shape:
        raise FlowshotError(
            f"{generated / 'clips.npy'}: found {clips.shape[0]} clips of {clips.shape[1]} samples, but the reference "
            f"has {reference.clips.shape[0]} of {reference.clips.shape[1]}; sample this arm again"
        )
    scores = score_against_reference(
        clips,
        reference.clips,
        reference.groups,
        prepared.sample_rate,
        config,
        arguments.seed,
        candidate_groups=reference.groups if paired else None,
    )
    scores.append(speed_score(generated / "seconds.json"))
    if paired:
        scores.append(reconstruction_score(clips, reference.clips, reference.groups, config.confidence))
    elif (prior / "nats.json").exists():
        scores.append(nats_score(prior / "nats.json"))
    if arguments.prior in ("own", RECONSTRUCTION):
        scores += diagnostic_scores(model / "diagnostics.json")
    write_scores(Path("scores") / drawn.with_name(f"{arguments.seed}.json"), scores)
    # The one place where the arm is logged: log_arm(dataset, autoencoder, prior, seed, ...) of flowshot.tracking.


def parse_arguments() -> argparse.Namespace:
    """The arm, from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("dataset", "autoencoder", "prior"):
        parser.add_argument(name)
    parser.add_argument("seed", type=int)
    return parser.parse_args()


if __name__ == "__main__":
    stage(main)
