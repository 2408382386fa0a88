"""Do embeddings that were trained for different sounds rank arms alike? Writes `reports/checks/embeddings.md`.

    python scripts/embedding_agreement.py --dataset samples --seeds 0 1

Needs a plan that has run (its clips under `generated/`) and `make setup EXTRAS=birdnet`. From every arm it takes
`--clips` clips and compares them with all test clips, by KID, whose mean does not depend on n.
"""

import argparse
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr
from tqdm import tqdm

from flowshot.clips.held_out import NamedClips, reference_clips
from flowshot.clips.prepared import PREPARED, PreparedDataset, read_prepared
from flowshot.core.errors import FlowshotError
from flowshot.core.files import whole_file
from flowshot.core.params import project_params
from flowshot.core.plan import RECONSTRUCTION
from flowshot.core.process import run_script
from flowshot.core.randomness import numpy_generator
from flowshot.report.registry import embedding_title
from flowshot.scoring.comparison.embedded import ClipSets
from flowshot.scoring.config import ScoreConfig
from flowshot.scoring.embeddings.cache import EmbeddingCache
from flowshot.scoring.metrics.score import Score
from flowshot.scoring.scores import read_clips, score_against_reference

CONFIDENCE = 0.95
Found = dict[str, dict[str, Score]]  # KID by arm, then by embedding


def main() -> None:
    """Score every arm of the seeds under each embedding, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="samples", help="(%(default)s)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="(%(default)s)")
    parser.add_argument("--clips", type=int, default=500, help="of each arm (%(default)s)")
    parser.add_argument("--embeddings", nargs="+", default=["yamnet", "logmel", "aisfx", "birdnet"])
    parser.add_argument("--out", type=Path, default=Path("reports/checks/embeddings.md"))
    given = parser.parse_args()
    prepared = read_prepared(PREPARED / given.dataset)
    config = replace(
        project_params().section("score", ScoreConfig),
        embeddings=tuple(given.embeddings),
        metrics=("kid",),
        confidence=CONFIDENCE,
    )
    arms = [arm for seed in given.seeds for arm in sorted(Path("generated", given.dataset).glob(f"*/*/{seed}"))]
    if len(arms) < 3:
        raise FlowshotError(f"generated/{given.dataset}: {len(arms)} arms of these seeds; run a plan with more first")
    found = {name_of(arm): scored(arm, prepared, config, given.clips) for arm in tqdm(arms, unit="arm")}
    with whole_file(given.out) as file:
        file.write_text(page(found, given.dataset, given.clips, len(reference_clips(prepared).clips)), encoding="utf-8")


def name_of(arm: Path) -> str:
    """`model / prior, seed` of a folder of clips."""
    return "{} / {}, {}".format(*arm.parts[-3:])


def scored(arm: Path, prepared: PreparedDataset, config: ScoreConfig, most: int) -> dict[str, Score]:
    """KID of clips drawn from those of an arm, by embedding."""
    clips, reference = read_clips(arm / "clips.npy"), reference_clips(prepared)
    rows = np.sort(numpy_generator(0, "agreement").permutation(len(clips))[:most])
    # A reconstruction is of the source of its original.
    paired = arm.parent.name == RECONSTRUCTION
    candidate = (replace(reference, clips=clips) if paired else NamedClips.independent(clips)).at(rows)
    sets = ClipSets(candidate, reference, None, prepared.sample_rate)
    return {score.embedding: score for score in score_against_reference(sets, config, 0, EmbeddingCache())}


def agreement(found: Found, one: str, other: str) -> tuple[float, int, int]:
    """Spearman's correlation of two embeddings over arms; pairs of arms that both tell apart, and how many alike.

    A pair is told apart where the intervals of its two KIDs do not overlap.
    """
    values = [[scores[by].value for scores in found.values()] for by in (one, other)]
    told = alike = 0
    for a, b in combinations(found.values(), 2):
        signs = [order(a[by], b[by]) for by in (one, other)]
        told += all(signs)
        alike += all(signs) and signs[0] == signs[1]
    return float(spearmanr(*values).statistic), told, alike


def order(a: Score, b: Score) -> int:
    """1 where `a` lies wholly above `b`, -1 below, 0 where their intervals overlap or one has none."""
    if None in (a.ci_low, a.ci_high, b.ci_low, b.ci_high):
        return 0
    return int(a.ci_low > b.ci_high) - int(a.ci_high < b.ci_low)  # type: ignore[operator]


def page(found: Found, dataset: str, n: int, reference_n: int) -> str:
    """The document."""
    names = list(next(iter(found.values())))
    titles = [embedding_title(name) for name in names]
    lines = []
    for arm, scores in found.items():
        cells = [f"{1000 * scores[name].value:.1f} ({1 + _rank(found, arm, name)})" for name in names]
        lines.append(f"| {arm} | {' | '.join(cells)} |")
    pairs = []
    for one, other in combinations(names, 2):
        correlation, told, alike = agreement(found, one, other)
        titled = " and ".join(embedding_title(name) for name in (one, other))
        pairs.append(f"| {titled} | {correlation:.2f} | {alike} of {told} |")
    return f"""# Do the embeddings agree?

`scripts/embedding_agreement.py`: KID x 1000 (and rank) of {n:,} clips of each arm of `{dataset}` against
{reference_n:,} test clips, under embeddings that were trained for different sounds.

| embeddings | rank correlation over {len(found)} arms | pairs of arms that both tell apart: same order |
|:--|--:|--:|
{chr(10).join(pairs)}

Told apart: the {100 * CONFIDENCE:g} % intervals of the two KIDs do not overlap.

| arm, seed | {" | ".join(titles)} |
|:--|{"--:|" * len(titles)}
{chr(10).join(lines)}
"""


def _rank(found: Found, arm: str, name: str) -> int:
    """How many arms have a smaller KID."""
    return sum(scores[name].value < found[arm][name].value for scores in found.values())


if __name__ == "__main__":
    run_script(main)
