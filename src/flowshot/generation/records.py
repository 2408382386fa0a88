"""How long sampling took, which is no property of what was sampled."""

from pathlib import Path

from flowshot.core.params import Params
from flowshot.core.records import write_record
from flowshot.core.sections import to_dict
from flowshot.generation.config import SampleConfig
from flowshot.generation.generated import Generated


def write_sampling(params: Params, arm: Path, config: SampleConfig, generated: Generated) -> None:
    """Write `runs/sample/<arm>/run.json`; `arm` is `dataset/model/prior/seed`."""
    dataset, model, prior, seed = arm.parts
    write_record(
        Path("runs/sample") / arm, stage="sample", plan=params.plan.name, dataset=dataset, model=model, prior=prior,
        seed=int(seed), parameters={"sample": to_dict(config)}, seconds=generated.seconds, clips=len(generated.clips),
    )  # fmt: skip
