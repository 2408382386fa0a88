"""Score the clips of one arm: `python stages/score.py DATASET AUTOENCODER PRIOR SEED`.

Writes `scores/DATASET/AUTOENCODER/PRIOR/SEED.json`: the distances of its clips from the reference, how fast they
were sampled, how well the prior describes held-out latents, and what is known of the model. Beside it `SEED.run.json`
says under which id MLflow keeps them.
"""

from pathlib import Path

from flowshot.clips.prepared import read_prepared
from flowshot.core.errors import FlowshotError
from flowshot.core.files import write_json
from flowshot.core.params import read_params
from flowshot.core.process import arguments, stage
from flowshot.scoring.scores import (
    diagnostic_scores,
    nats_scores,
    read_clips,
    reconstruction_scores,
    reference_clips,
    score_against_reference,
    speed_score,
    tone_scores,
    training_clips,
    write_scores,
)
from flowshot.tracking.mlflow_runs import log_arm
from flowshot.tracking.runs import RunIdentity

# Pairs, not samples: clip i is the reconstruction of clip i of the reference.
RECONSTRUCTION = "reconstruction"


def main() -> None:
    """Collect every score of the arm and write them."""
    chosen = arguments(__doc__, "dataset", "autoencoder", "prior", "seed")
    arm = Path(chosen.dataset) / chosen.autoencoder
    drawn = arm / chosen.prior / str(chosen.seed)
    model, prior, generated = Path("models") / arm / str(chosen.seed), "priors" / drawn, "generated" / drawn
    params = read_params()
    config = params.score
    prepared = read_prepared(Path("data/prepared") / chosen.dataset)
    reference = reference_clips(prepared)
    paired = chosen.prior == RECONSTRUCTION

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
        chosen.seed,
        candidate_groups=reference.groups if paired else None,
        training=training_clips(prepared),
    )
    scores += [*tone_scores(clips, prepared.sample_rate), speed_score(generated / "seconds.json")]
    if paired:
        scores += reconstruction_scores(
            clips,
            reference.clips,
            reference.groups,
            prepared.sample_rate,
            config.confidence,
            skip=config.on_bad_clip == "skip",
        )
    elif (prior / "nats.json").exists():
        scores += nats_scores(prior / "nats.json")
    if chosen.prior in ("own", RECONSTRUCTION):
        scores += diagnostic_scores(model / "diagnostics.json")
    scores_file = Path("scores") / drawn.with_name(f"{chosen.seed}.json")
    write_scores(scores_file, scores)
    identity = RunIdentity(params.plan.name, chosen.dataset, chosen.autoencoder, chosen.seed, chosen.prior)
    run_id = log_arm(
        identity,
        training_parameters=params.training_parameters(chosen.dataset, chosen.autoencoder),
        arm_parameters=params.arm_parameters(chosen.prior),
        scores_file=scores_file,
        model_folder=model,
        generated_folder=generated,
        prior_folder=None if paired else prior,
    )
    # The run is named after the plan, and the file says so: another plan may share the arm, and with it this file.
    write_json(scores_file.with_suffix(".run.json"), {"plan": identity.plan, "name": identity.name, "run_id": run_id})


if __name__ == "__main__":
    stage(main)
