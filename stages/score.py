"""Score the clips of one arm: `python stages/score.py DATASET MODEL PRIOR SEED`.

Writes `scores/DATASET/MODEL/PRIOR/SEED.json`: how its clips compare with held-out real ones. Then it sends
the arm to MLflow, from the files of all of its stages.
"""

import time
from pathlib import Path

from flowshot.clips.prepared import PREPARED, read_prepared
from flowshot.core.params import read_params
from flowshot.core.plan import RECONSTRUCTION
from flowshot.core.process import stage
from flowshot.core.records import write_record
from flowshot.core.sections import to_dict
from flowshot.core.tracked import send
from flowshot.scoring.config import ScoreConfig
from flowshot.scoring.metrics.control import read_asked
from flowshot.scoring.scores import read_clips, score_arm, write_scores


def main(dataset: str, model: str, prior: str, seed: int) -> None:
    """Compare the arm's clips with the reference and write the scores."""
    arm = Path(dataset, model, prior, str(seed))
    params = read_params()
    config = params.section("score", ScoreConfig)
    clips = read_clips(Path("generated") / arm / "clips.npy")
    start = time.perf_counter()
    asked = read_asked(Path("generated") / arm)
    scores = score_arm(clips, read_prepared(PREPARED / dataset), config, seed, prior == RECONSTRUCTION, asked)
    seconds = time.perf_counter() - start
    write_scores(Path("scores") / arm.with_name(f"{seed}.json"), scores)
    record = Path("runs/score") / arm
    write_record(
        record, stage="score", plan=params.plan.name, dataset=dataset, model=model, prior=prior, seed=seed,
        parameters={"score": to_dict(config)}, seconds=seconds,
    )  # fmt: skip
    send(record)


if __name__ == "__main__":
    stage(main, __doc__)
