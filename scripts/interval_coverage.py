"""How often do intervals contain what they estimate? Writes a part of `reports/checks/coverage.md`.

Draws pairs of sets from Gaussians whose distances are known, embeds nothing, and asks the code that scores an arm for
its intervals. What an interval is for differs: FAD, precision and their like for the expectation at this n (the mean of
all replications), FAD-infinity, KID and KAD for the value of the distributions themselves.
"""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.stats import kstest
from tqdm import tqdm

from flowshot.core.files import whole_file
from flowshot.core.params import project_params
from flowshot.core.randomness import numpy_generator
from flowshot.scoring.comparison.base import Comparison, EmbeddedSets
from flowshot.scoring.comparison.registry import compare
from flowshot.scoring.config import ScoreConfig
from flowshot.scoring.metrics.kernel import median_distance
from flowshot.scoring.metrics.sample_size import fewest_clips
from flowshot.scoring.metrics.score import Score

AT_THIS_N = ("fad", "precision", "recall", "density", "coverage", "vendi")
KERNELS = ("kid", "kad")
P_VALUES = ("kad_p",)
TITLE = "# Do the intervals cover?"


@dataclass(frozen=True)
class Scenario:
    """Two Gaussians with covariances diag(i^-decay), scaled, and how sets are drawn from them.

    The candidates' mean is `shift` standard deviations away in every dimension and their standard deviations are
    `spread` times as large. The reference comes from sources of 1 to 4 clips that are correlated by 0.5 where
    `grouped`, like the takes of an instrument.
    """

    name: str
    n: int
    d: int
    decay: float
    shift: float = 0.0
    spread: float = 1.0
    grouped: bool = False
    metrics: tuple[str, ...] = (*AT_THIS_N, "fad_infinity", *KERNELS, *P_VALUES)

    @property
    def deviations(self) -> np.ndarray:
        """Standard deviations of the reference, `[d]`, with half a unit of variance in a dimension on average."""
        variances = np.arange(1, self.d + 1.0) ** -self.decay
        return np.asarray(np.sqrt(variances * 0.5 * self.d / variances.sum()))

    @property
    def means(self) -> tuple[np.ndarray, np.ndarray]:
        """Of candidates and reference; not zero, as those of activations are not."""
        return 0.3 + self.shift * self.deviations, np.full(self.d, 0.3)

    def draw(self, generator: np.random.Generator) -> EmbeddedSets:
        """Both sets, with the sources of the reference."""
        mean_x, mean_y = self.means
        x = mean_x + self.spread * self.deviations * generator.normal(size=(self.n, self.d))
        sizes = generator.integers(1, 5, size=self.n) if self.grouped else np.ones(self.n, dtype=int)
        groups = np.repeat(np.arange(self.n), sizes)[: self.n]
        common = generator.normal(size=(self.n, self.d))[groups]
        share = 0.5 if self.grouped else 0.0
        y = np.sqrt(share) * common + np.sqrt(1 - share) * generator.normal(size=(self.n, self.d))
        return EmbeddedSets(
            "simulated",
            x,
            mean_y + self.deviations * y,
            [f"x{i}" for i in range(self.n)],
            [f"y{i}" for i in groups],
        )


SCENARIOS = (
    Scenario("an arm of `samples_original`, YAMNet", 118, 1024, 1.0, 0.2, 1.2, grouped=True),
    Scenario("its floor", 118, 1024, 1.0, grouped=True),
    Scenario("an arm of `samples_original`, log-mel", 118, 128, 1.0, 0.2, 1.2, grouped=True),
    Scenario("few clips, independent", 60, 128, 1.0, 0.5, 1.3),
    Scenario("more clips", 200, 128, 0.5, 0.1, 1.1, metrics=(*KERNELS, "fad", *P_VALUES)),
    Scenario("as many as the limit needs", 512, 64, 0.5, 0.1, 1.1, metrics=("fad", "fad_infinity")),
    Scenario("the same, nothing between the sets", 512, 64, 0.5, metrics=("fad", "fad_infinity")),
    Scenario("the same, in 128 dimensions", 1024, 128, 1.0, 0.1, 1.1, metrics=("fad", "fad_infinity")),
)


def main() -> None:
    """Run every scenario and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replications", type=int, default=500)
    parser.add_argument("--out", type=Path, default=Path("reports/checks/coverage.md"))
    arguments = parser.parse_args()
    lines = []
    uniform = []
    for scenario in SCENARIOS:
        scores = replicate(scenario, arguments.replications)
        lines += [row(scenario, metric, scores[metric]) for metric in scenario.metrics if metric not in P_VALUES]
        if scenario.shift == 0 and scenario.spread == 1:
            uniform += [p_value_row(scenario, metric, scores[metric]) for metric in P_VALUES if metric in scores]
    write_part(arguments.out, "independent", page(lines, uniform, arguments.replications))


def write_part(path: Path, part: str, text: str) -> None:
    """Write one part of the document, between two marks, and leave the others as they are."""
    begin, end = f"<!-- {part} -->\n", f"<!-- end of {part} -->\n"
    before = path.read_text(encoding="utf-8") if path.exists() else f"{TITLE}\n"
    new = f"{begin}{text.strip()}\n{end}"
    if begin in before:
        head, rest = before.split(begin)
        after = head + new + rest.split(end)[1]
    else:
        after = f"{before}\n{new}"
    with whole_file(path) as file:
        file.write_text(after, encoding="utf-8")


def replicate(scenario: Scenario, replications: int) -> dict[str, list[Score]]:
    """The scores of every replication, by metric."""
    config = replace(project_params().section("score", ScoreConfig), metrics=scenario.metrics)
    found: dict[str, list[Score]] = {metric: [] for metric in scenario.metrics}
    for i in tqdm(range(replications), desc=scenario.name):
        sets = scenario.draw(numpy_generator(i, "coverage", scenario.name))

        def draws(metric: str, replication: int = i) -> np.random.Generator:
            return numpy_generator(replication, "coverage", scenario.name, metric)

        for score in compare(Comparison(sets, config, draws), scenario.metrics):
            found[score.metric].append(score)
    return found


def truth(scenario: Scenario, metric: str, scores: list[Score]) -> float:
    """What the interval is for."""
    (mean_x, mean_y), deviations = scenario.means, scenario.deviations
    spread = scenario.spread * deviations
    if metric == "fad_infinity":
        return float(np.square(mean_x - mean_y).sum() + np.square(spread - deviations).sum())
    if metric in KERNELS:
        kernel = gaussian_kernel_mean(scenario) if metric == "kad" else cubic_kernel_mean
        return (
            kernel(mean_x, spread, mean_x, spread)
            + kernel(mean_y, deviations, mean_y, deviations)
            - 2 * kernel(mean_x, spread, mean_y, deviations)
        )
    return float(np.mean([score.value for score in scores]))


def cubic_kernel_mean(mean_x: np.ndarray, sd_x: np.ndarray, mean_y: np.ndarray, sd_y: np.ndarray) -> float:
    """The mean of (x.y / d + 1)^3 over independent Gaussians with diagonal covariances, from E[(x.y)^k | y]."""
    d, m, a, b = len(mean_x), mean_x @ mean_y, sd_x**2, sd_y**2
    second = m**2 + (a * b).sum() + (mean_y**2 * a).sum() + (mean_x**2 * b).sum()
    third = m**3 + 3 * m * (mean_x**2 * b).sum()
    third += 3 * (m * ((a * b).sum() + (mean_y**2 * a).sum()) + 2 * (mean_x * a * b * mean_y).sum())
    return float(third / d**3 + 3 * second / d**2 + 3 * m / d + 1)


def gaussian_kernel_mean(scenario: Scenario):  # type: ignore[no-untyped-def]
    """The mean of the Gaussian kernel as wide as the reference's median distance, over independent Gaussians."""
    many = numpy_generator(0, "coverage", "bandwidth").normal(size=(3000, scenario.d)) * scenario.deviations
    bandwidth = median_distance(many) ** 2

    def mean(mean_x: np.ndarray, sd_x: np.ndarray, mean_y: np.ndarray, sd_y: np.ndarray) -> float:
        variance = sd_x**2 + sd_y**2
        log = -0.5 * np.log1p(variance / bandwidth) - 0.5 * (mean_x - mean_y) ** 2 / (bandwidth + variance)
        return float(np.exp(log.sum()))

    return mean


def row(scenario: Scenario, metric: str, scores: list[Score]) -> str:
    """One line of the table."""
    wanted, values = truth(scenario, metric, scores), np.array([score.value for score in scores])
    low = np.array([score.ci_low for score in scores], dtype=float)
    high = np.array([score.ci_high for score in scores], dtype=float)
    covered = float(np.mean((low <= wanted) & (wanted <= high)))
    width = float(np.median(high - low) / 2 / (1.96 * values.std(ddof=1))) if values.std() > 0 else float("nan")
    few = "†" if scenario.n < fewest_clips(metric, scenario.d) else ""
    estimand = "expectation at this n" if metric in AT_THIS_N else "the distributions"
    cells = [
        scenario.name, str(scenario.n), str(scenario.d), f"`{metric}`{few}", estimand, f"{wanted:.4g}",
        f"{values.mean():.4g}", f"{values.std(ddof=1):.2g}",
        *(["", "no interval"] if np.isnan(low).all() else [f"{width:.2f}", f"{100 * covered:.1f} %"]),
    ]  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def p_value_row(scenario: Scenario, metric: str, scores: list[Score]) -> str:
    """One line of the table of p-values under the null."""
    values = [score.value for score in scores]
    below = float(np.mean(np.array(values) <= 0.05))
    test = kstest(values, "uniform").pvalue
    return f"| {scenario.name} | {scenario.n} | {scenario.d} | `{metric}` | {test:.3f} | {100 * below:.1f} % |"


def page(lines: list[str], uniform: list[str], replications: int) -> str:
    """The document."""
    return "\n".join(
        [
            "## Gaussian sets",
            "",
            f"95 % intervals in {replications} replications, written by `scripts/interval_coverage.py`; the standard",
            f"error of that is {100 * np.sqrt(0.95 * 0.05 / replications):.1f} points. Sets are Gaussian with",
            "a decaying spectrum. In the first three scenarios the reference has sources of 1 to 4 correlated clips.",
            "`expectation at this n` is the mean of all replications, bias included: FAD and its like compare at",
            "equal n only. `width` is half an interval over 1.96 standard deviations of the estimate: 1 is as narrow",
            "as can be. † too few clips for the dimension: tables mark it, and the limit of FAD, out of reach, has no",
            "interval.",
            "",
            "| scenario | n | d | metric | interval for | true value | mean estimate | deviation | width | covered |",
            "|:--|--:|--:|:--|:--|--:|--:|--:|--:|--:|",
            *lines,
            "",
            "### p-values where nothing lies between the sets",
            "",
            "Uniform if the test is right: Kolmogorov-Smirnov p above 0.01, and 5 % at or below 0.05.",
            "",
            "| scenario | n | d | metric | Kolmogorov-Smirnov p | at or below 0.05 |",
            "|:--|--:|--:|:--|--:|--:|",
            *uniform,
            "",
        ]
    )


if __name__ == "__main__":
    main()
