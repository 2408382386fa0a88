"""Whether single dimensions of a latent stand for single factors of variation, where the true factors are known.

Factors are a mapping of names to one value a clip: of a floating-point dtype where they are measured (NaN: this clip
has none), of an integer dtype where they are classes.
"""

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from flowshot.clips.batches import evenly_spaced_rows, ordered_batches
from flowshot.clips.prepared import FACTORS, PreparedDataset, Split
from flowshot.models.base.autoencoder import Autoencoder

NAMES = ("mig", "disentanglement", "completeness", "informativeness")
MOST_CLIPS, BATCH_SIZE = 1000, 64
BINS = 10  # of equal count, in which numbers are compared
FEWEST_CLIPS = 50  # that a factor must be known of, on either side
# Of the lasso: penalties, as parts of the smallest one at which nothing is left, and steps.
PENALTIES = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005)
STEPS = 300
LEAST_SHARE = 0.02  # of a factor's held-out variance: below, chance predicts it as well, and it counts as not predicted

Factors = Mapping[str, Tensor]


@torch.no_grad()
def disentanglement(model: Autoencoder, dataset: PreparedDataset, generator: torch.Generator) -> dict[str, float]:
    """MIG and DCI on the validation clips, for `diagnostics.json`; empty where a dataset's factors are not known."""
    if not (dataset.folder / FACTORS).is_file():
        return {}
    seen, seen_factors = _encoded(model.encode_mean, dataset, "train")
    means, factors = _encoded(model.encode_mean, dataset, "valid")
    draws, _ = _encoded(lambda batch: model.encode(batch, generator)[:, 0], dataset, "valid")
    values = (mutual_information_gap(draws, factors), *dci(seen, seen_factors, means, factors))
    return {name: value for name, value in zip(NAMES, values, strict=True) if math.isfinite(value)}


def _encoded(encode: Callable[[Tensor], Tensor], dataset: PreparedDataset, split: Split) -> tuple[Tensor, Factors]:
    """Latents `[clips, size]` of at most `MOST_CLIPS` of a split, and the clips' factors."""
    rows, listed = evenly_spaced_rows(dataset.manifest.counts[split], MOST_CLIPS), dataset.rows(split)
    latents = torch.cat([encode(batch) for batch in ordered_batches(dataset.clips(split)[rows], BATCH_SIZE)])
    return latents, read_factors(dataset.folder / FACTORS, [listed[row]["source"] for row in rows])


def read_factors(path: Path, sources: Sequence[str]) -> Factors:
    """The factors of the clips of the files `sources`: their class, and what else the table `path` has."""
    with path.open(newline="", encoding="utf-8") as file:
        table = {row.pop("file"): row for row in csv.DictReader(file)}
    labels = sorted({row["label"] for row in table.values()})
    rows = [table[source] for source in sources]
    measured = [name for name in next(iter(table.values())) if name not in ("kind", "label", "seed")]
    factors = {name: torch.tensor([float(row[name] or "nan") for row in rows]) for name in measured}
    return {"label": torch.tensor([labels.index(row["label"]) for row in rows]), **factors}


def mutual_information_gap(latents: Tensor, factors: Factors) -> float:
    """MIG of `latents: [clips, size]`, draws of the posterior, from 0 to 1; NaN where no factor can be judged.

    For each factor, how much more the dimension that knows most of it knows than the next one, as a share of the
    factor's entropy; the mean over factors (Chen et al. 2018, 1802.04942, equation 6). Information is that of a table
    of bins, less its bias (Miller 1955): both halves of the difference would be too high by as much.
    """
    gaps = []
    for values in factors.values():
        known = _known(values)
        if not _varies(values[known]):
            continue
        classes = _classes(values[known])
        information = torch.stack([_information(_binned(column), classes) for column in latents[known].T])
        first, second = torch.cat([information, torch.zeros(1)]).topk(2).values
        gaps.append(float((first - second) / _entropy(classes.bincount())))
    return sum(gaps) / len(gaps) if gaps else math.nan


def dci(seen: Tensor, seen_factors: Factors, latents: Tensor, factors: Factors) -> tuple[float, float, float]:
    """Disentanglement, completeness and informativeness, each from 0 to 1; NaN where no factor can be judged.

    Eastwood & Williams 2018 ("A framework for the quantitative evaluation of disentangled representations"): a lasso
    predicts each factor from the latents; the weights are the importance of dimension i for factor j. Disentanglement
    is 1 less the entropy over factors of a dimension's importances, weighted by its share of all; completeness is 1
    less the entropy over dimensions of a factor's, its mean over factors. Informativeness is the share of held-out
    variance that is predicted, and where nothing is, all three are 0.

    Args:
        seen: latents of clips that the lasso learns from, `[n, size]`.
        latents: of others, by which its penalty is chosen, and which the informativeness is of, `[m, size]`.
    """
    mean, deviation = seen.double().mean(0), seen.double().std(0).clamp_min(1e-9)
    importances, explained = [], []
    for name, values in factors.items():
        known, seen_known = _known(values), _known(seen_factors[name])
        if not (_varies(values[known]) and _varies(seen_factors[name][seen_known])):
            continue
        targets, held_out_targets = _targets(seen_factors[name][seen_known], values[known])
        points, held_out = ((each.double() - mean) / deviation for each in (seen[seen_known], latents[known]))
        weights, share = _lasso(points, targets, held_out, held_out_targets)
        importances.append(weights.abs().sum(1))
        explained.append(share)
    if not importances:
        return math.nan, math.nan, math.nan
    table = torch.stack(importances, dim=1)  # [size, factors]
    dimension_shares = table.sum(1) / table.sum().clamp_min(1e-12)
    disentanglement = float((dimension_shares * (1 - _relative_entropy(table))).sum())
    used = table.sum(0) > 0
    completeness = float((used * (1 - _relative_entropy(table.T))).mean())
    return disentanglement, completeness, sum(explained) / len(explained)


def _known(values: Tensor) -> Tensor:
    return ~values.isnan() if values.is_floating_point() else torch.ones_like(values, dtype=torch.bool)


def _varies(values: Tensor) -> bool:
    return len(values) >= FEWEST_CLIPS and bool((values != values[0]).any())


def _binned(values: Tensor) -> Tensor:
    """Numbers `[n]` as bins of equal count; equal numbers fall in the same one."""
    edges = values.double().quantile(torch.linspace(0, 1, BINS + 1, dtype=torch.double)[1:-1])
    return torch.searchsorted(edges.unique(), values.double(), right=True)


def _classes(values: Tensor) -> Tensor:
    """A factor as classes 0, 1 ...; a measured one with few values keeps them."""
    if values.is_floating_point() and len(values.unique()) > BINS:
        values = _binned(values)
    return values.unique(return_inverse=True)[1]


def _entropy(counts: Tensor) -> Tensor:
    """In nats, less the bias of a sample."""
    share = counts[counts > 0].double() / counts.sum()
    return (-(share * share.log()).sum() + (len(share) - 1) / (2 * counts.sum())).float()


def _information(a: Tensor, b: Tensor) -> Tensor:
    """Of two lists of classes, in nats, at least 0."""
    cells = (a * (int(b.max()) + 1) + b).bincount()
    return (_entropy(a.bincount()) + _entropy(b.bincount()) - _entropy(cells)).clamp_min(0)


def _targets(seen: Tensor, held_out: Tensor) -> tuple[Tensor, Tensor]:
    """A factor as columns to be predicted, standardised by `seen`; one a class where it has classes."""
    if not seen.is_floating_point():
        classes = int(max(seen.max(), held_out.max())) + 1
        pair = [functional.one_hot(values, classes).double() for values in (seen, held_out)]
    else:
        pair = [values.double()[:, None] for values in (seen, held_out)]
    mean, deviation = pair[0].mean(0), pair[0].std(0)
    kept = deviation > 0
    a, b = ((each[:, kept] - mean[kept]) / deviation[kept] for each in pair)
    return a, b


def _lasso(points: Tensor, targets: Tensor, held_out: Tensor, held_out_targets: Tensor) -> tuple[Tensor, float]:
    """Weights `[size, columns]` and the share of held-out variance that they predict, at the best penalty.

    min 1 / 2n |Y - X W|^2 + penalty |W|_1, by accelerated proximal steps (Beck & Teboulle 2009).
    """
    gram, moments = points.T @ points / len(points), points.T @ targets / len(points)
    step = 1 / float(torch.linalg.eigvalsh(gram).max().clamp_min(1e-9))
    best, best_share = torch.zeros_like(moments), LEAST_SHARE
    total = held_out_targets.square().mean()
    weights = torch.zeros_like(moments)
    for penalty in PENALTIES:
        ahead = weights
        for index in range(STEPS):
            moved = ahead - step * (gram @ ahead - moments)
            following = moved.sign() * (moved.abs() - step * penalty * moments.abs().max()).clamp_min(0)
            ahead = following + index / (index + 3) * (following - weights)
            weights = following
        share = float(1 - (held_out_targets - held_out @ weights).square().mean() / total)
        if share > best_share:
            best, best_share = weights, share
    return best, best_share if bool(best.any()) else 0.0


def _relative_entropy(table: Tensor) -> Tensor:
    """Of the shares of each row, over the largest there can be, from 0 to 1; 0 for a single column."""
    if table.shape[1] < 2:
        return torch.zeros(len(table), dtype=table.dtype)
    shares = table / table.sum(1, keepdim=True).clamp_min(1e-12)
    return torch.special.entr(shares).sum(1) / math.log(table.shape[1])
