"""Draw clips from a generator: `python stages/sample_generator.py DATASET GENERATOR SEED`.

Writes `generated/DATASET/GENERATOR/direct/SEED/`: `sample.clips` clips.
"""

from pathlib import Path

from flowshot.clips.prepared import PREPARED, read_prepared
from flowshot.core.device import prepare_threads
from flowshot.core.params import read_params
from flowshot.core.plan import DIRECT
from flowshot.core.process import arguments, stage, workers
from flowshot.core.randomness import torch_generator
from flowshot.generation.config import SampleConfig
from flowshot.generation.generated import sample_directly, write_generated, write_sampling
from flowshot.models.generators.registry import load_generator


def main() -> None:
    """Load the generator, sample and write."""
    chosen = arguments(__doc__, "dataset", "generator", "seed")
    arm = Path(chosen.dataset, chosen.generator, DIRECT, str(chosen.seed))
    params = read_params()
    config = params.section("sample", SampleConfig)
    dataset = read_prepared(PREPARED / chosen.dataset)
    prepare_threads(workers())
    model, card = load_generator(Path("models", chosen.dataset, chosen.generator, str(chosen.seed)))
    draws = torch_generator(chosen.seed, "sample", chosen.dataset, chosen.generator)
    generated = sample_directly(model, config.drawn(params.plan.name, dataset.reference_size), config.batch_size, draws)
    write_generated(Path("generated") / arm, generated, card.sample_rate)
    write_sampling(params, arm, config, generated)


if __name__ == "__main__":
    stage(main)
