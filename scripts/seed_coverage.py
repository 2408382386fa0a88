"""How often are equal arms of several seeds found different? Writes a part of `reports/checks/coverage.md`.

    python scripts/seed_coverage.py --replications 500

The regimes are those of `scripts/clustered_coverage.py`. A training moves all clips of its arm by a step in a random
direction, `TRAININGS` standard deviations of the clips. Arms that are compared have the same regime, or lie to opposite
sides of the real clips; then the interval of the difference is to contain the true one, the mean of all replications.
"""

import argparse
from dataclasses import replace
from multiprocessing import Pool
from pathlib import Path

import numpy as np
from clustered_coverage import DISTANCES, REGIMES, SOURCES, D, Regime
from interval_coverage import write_part

from flowshot.core.params import project_params
from flowshot.core.randomness import numpy_generator
from flowshot.scoring.comparison.base import Comparison, EmbeddedSets
from flowshot.scoring.comparison.registry import compare
from flowshot.scoring.config import ScoreConfig
from flowshot.scoring.metrics.paired import INFLUENCE, Distance, paired_difference

TRAININGS, SEEDS = (0.0, 0.15, 0.4), (2, 3, 5)
COMPARED = tuple(one for one in REGIMES if one.sources <= SOURCES and not one.floor and not one.tails)


def main() -> None:
    """Run every regime and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replications", type=int, default=500)
    parser.add_argument("--out", type=Path, default=Path("reports/checks/coverage.md"))
    arguments = parser.parse_args()
    config = replace(project_params().section("score", ScoreConfig), splits=2)
    pairs = [(regime, regime) for regime in COMPARED]
    pairs += [(regime, regime.opposite) for regime in COMPARED if not regime.null]
    jobs = [(pair, training, config, arguments.replications) for pair in pairs for training in TRAININGS]
    with Pool() as pool:
        found = pool.starmap(missed, jobs, chunksize=1)
    rows = [row(pair, training, each) for (pair, training, *_), each in zip(jobs, found, strict=True)]
    write_part(arguments.out, "seeds", page(rows, arguments.replications))


def missed(
    pair: tuple[Regime, Regime], training: float, config: ScoreConfig, replications: int
) -> dict[tuple[int, str], float]:
    """How often the true difference lies outside of the interval at 95 %, by number of seeds and metric."""
    found: dict[tuple[int, str], list[tuple[float, float, float]]] = {}
    for i in range(replications):
        generator = numpy_generator(i, "seeds", f"{pair[0].name} {training}")
        reference = pair[0].whole(generator, "y")
        arms = [[distances(arm, reference, training, config, generator) for _ in range(max(SEEDS))] for arm in pair]
        for seeds in SEEDS:
            for metric in DISTANCES:
                sides = ([one[metric] for one in arm[:seeds]] for arm in arms)
                difference = paired_difference(*sides)
                found.setdefault((seeds, metric), []).append((difference.value, *difference.interval(0.95)))
    equal = pair[0] == pair[1]
    rates = {}
    for key, each in found.items():
        value, low, high = np.array(each).T
        true = 0.0 if equal else value.mean()
        rates[key] = float(np.mean((low > true) | (high < true)))
    return rates


def distances(
    arm: Regime,
    reference: tuple[np.ndarray, list[str]],
    training: float,
    config: ScoreConfig,
    generator: np.random.Generator,
) -> dict[str, Distance]:
    """Those of one training of an arm, as a report reads them from its scores."""
    x, groups_x = arm.arm(generator)
    centres, _ = arm.population
    moved = x + training * centres.std(axis=0) * generator.normal(size=D)
    y, groups_y = reference
    both = Comparison(EmbeddedSets("simulated", moved, y, groups_x, groups_y), config, lambda _: generator)
    return {score.metric: Distance(score.value, **score.details[INFLUENCE]) for score in compare(both, DISTANCES)}


def row(pair: tuple[Regime, Regime], training: float, rates: dict[tuple[int, str], float]) -> str:
    """In percent, a cell for each number of seeds and metric."""
    name = pair[0].name if pair[0] == pair[1] else f"{pair[0].name}, to opposite sides"
    cells = (f"{100 * rates[seeds, metric]:.1f}" for seeds in SEEDS for metric in DISTANCES)
    return f"| {name} | {pair[0].sources} | {training} | " + " | ".join(cells) + " |"


def page(rows: list[str], replications: int) -> str:
    """The part of the document."""
    columns = [f"{metric.upper()}, {seeds}" for seeds in SEEDS for metric in DISTANCES]
    return f"""## Several seeds

{replications} replications of each row by `scripts/seed_coverage.py`: how often, in percent, two arms of one kind are
found different at 5 % by the paired test of 2, 3 and 5 seeds; of arms to opposite sides of the real clips, how often
the interval misses the true difference. Trainings of one arm lie apart by this many standard deviations of the clips.

| regime | sources | apart | {" | ".join(columns)} |
|:--|--:|--:|{"--:|" * len(columns)}
{chr(10).join(rows)}
"""


if __name__ == "__main__":
    main()
