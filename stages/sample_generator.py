"""Draw clips from a generator: `python stages/sample_generator.py DATASET GENERATOR SEED`.

Writes `generated/DATASET/GENERATOR/direct/SEED/`: `sample.clips` clips, or as many as the plan names.
"""

from pathlib import Path

from flowshot.core.params import read_params
from flowshot.core.plan import DIRECT
from flowshot.core.process import prepare_threads, stage, workers
from flowshot.core.randomness import torch_generator
from flowshot.generation.config import SampleConfig
from flowshot.generation.generated import sample_directly, write_generated
from flowshot.models.generators.registry import load_generator


def main(dataset: str, generator: str, seed: int) -> None:
    """Load the generator, sample and write."""
    params = read_params()
    config = params.section("sample", SampleConfig)
    count = config.clips_of_arm(params.plan)
    prepare_threads(workers())
    model, card = load_generator(Path("models", dataset, generator, str(seed)))
    generated = sample_directly(model, count, config.batch_size, torch_generator(seed, "sample", dataset, generator))
    arm = Path(dataset, generator, DIRECT, str(seed))
    write_generated(arm, generated, card.sample_rate, params.plan.name, config)


if __name__ == "__main__":
    stage(main, __doc__)
