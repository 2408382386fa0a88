"""How much the latent says about the clip, I(x; z) = E KL(q(z|x) || q(z)) in nats, from a lower and an upper side.

The aggregate posterior q(z) = E q(z|x) is an expectation over all clips there could be, of which there are a few
hundred. So each side replaces it:

* below, by the mixture of the posteriors of the clips at hand, the clip itself among them. For any kernels in place of
  the posteriors this is a lower bound in expectation (InfoNCE: van den Oord et al. 2018, 1807.03748; with known
  posteriors: Poole et al. 2019, 1905.06922, equation 12), and it cannot exceed the log of the number of clips: no bound
  that holds for every distribution can (McAllester & Stratos 2018, 1811.04251);
* above, by a density r(z) that was fitted to other clips: E KL(q(z|x) || r) = I + KL(q(z) || r) >= I for any r
  (Barber & Agakov 2003; Poole et al. 2019, equation 2). The lowest of several is taken.

The estimate lies between them. A density fitted to n clips and judged by others reads too high, by half of its
parameters over n to first order; judged by the clips it was fitted to, too low by as much (Akaike 1974). The mean of
both, weighted by how many clips each was fitted to, has no bias of that order. What remains is that of the family:
KL(q(z) || r) for the best r of its kind, so that the estimate is exact where the aggregate posterior is Gaussian in the
prior's base space, and too high elsewhere.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from flowshot.clips.batches import evenly_spaced_rows
from flowshot.core.errors import FlowshotError
from flowshot.densities.distributions import LOG_TWO_PI, standard_normal_log_prob
from flowshot.densities.mixture import GaussianMixture
from flowshot.diagnostics.draws import LatentDraws

FOLDS = 4
# Clips whose posteriors make up the mixture: its cost grows with the square.
MIXED_CLIPS = 256
# Draws of each clip at which densities are judged; its moments, where they are not known, are those of the others.
JUDGED_DRAWS = 8
# Of the mixture of Gaussians, which is only fitted where there are this many clips.
COMPONENTS, ITERATIONS, TOLERANCE, MIXTURE_CLIPS = 4, 20, 1e-4, 32

LogDensity = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Information:
    """Mutual information of clip and latent in nats: the estimate, and the bounds it lies between."""

    estimate: float
    low: float
    high: float


def mutual_information(
    draws: LatentDraws, reference: Tensor | None = None, generator: torch.Generator | None = None
) -> Information:
    """Bounds and an estimate of I(x; z), from at least 2 clips; of a single one it is 0.

    `reference` are latents of other clips in the prior's base space, `[clips, draws, size]`, to which densities are
    fitted besides; they may have other posteriors, which costs tightness and not validity. With a `generator`, a
    mixture of Gaussians is tried too, which takes a second or so.
    """
    count = len(draws.base)
    if count < 2:
        return Information(0.0, 0.0, 0.0)
    if not bool(torch.isfinite(draws.base).all()):
        return Information(math.nan, math.nan, math.nan)
    fitted = draws.base.double()
    judged = fitted[:, -JUDGED_DRAWS:]
    # Of the same draws, and not its expectation: where posteriors are wide, their noise is that of log r and cancels.
    known = float(draws.log_density[:, -JUDGED_DRAWS:].double().mean())
    others = fitted[:0] if reference is None else reference[:, : fitted.shape[1]].double()
    fits = [lambda x: _fit_gaussian(x, 0.0), lambda x: _fit_gaussian(x, float(x.shape[-1]))]
    if generator is not None and count + len(others) >= MIXTURE_CLIPS:
        fits.append(lambda x: _fit_mixture(x, generator))
    prior = known - float(standard_normal_log_prob(judged).mean())
    low, kernels_high, kernels_estimate = _judge_kernels(draws)
    found = [*(_judge(fit, fitted, judged, others, known) for fit in fits), (prior, prior)]
    found.append((kernels_high, kernels_estimate))
    # A density that is not finite where there are clips is no candidate.
    high, estimate = min((one for one in found if math.isfinite(one[0])), key=lambda one: one[0])
    high = max(high, 0.0)
    low = min(max(low, 0.0), high)
    return Information(min(max(estimate, low), high), low, high)


def _judge(
    fit: Callable[[Tensor], LogDensity], clips: Tensor, judged: Tensor, others: Tensor, known: float
) -> tuple[float, float]:
    """E KL(q(z|x) || r) with r fitted to the other folds of clips, a bound, and an estimate without its bias."""
    held_out, fold_of = 0.0, torch.arange(len(clips)) % min(FOLDS, len(clips))
    draws = min(others.shape[1], clips.shape[1]) if len(others) else clips.shape[1]
    others, kept = others[:, :draws], clips[:, :draws]
    folds = int(fold_of.max()) + 1
    for fold in range(folds):
        density = fit(torch.cat([others, kept[fold_of != fold]]))
        held_out -= float(density(judged[fold_of == fold].flatten(0, 1)).sum())
    high = known + held_out / judged[..., 0].numel()
    seen = known - float(fit(torch.cat([others, kept]))(judged.flatten(0, 1)).mean())
    total = len(others) + len(clips)
    weight = (total - len(clips) / folds) / (total - len(clips) / folds + total)
    return high, weight * high + (1 - weight) * seen


def _nowhere(x: Tensor) -> Tensor:
    """The log density of a fit that failed."""
    return torch.full((len(x),), -math.inf, dtype=x.dtype)


def _fit_gaussian(clips: Tensor, strength: float) -> LogDensity:
    """The Gaussian of `clips: [clips, draws, size]`, its correlations shrunk as if by `strength` more clips."""
    points = clips.flatten(0, 1)
    mean, size = points.mean(0), points.shape[-1]
    covariance = (points - mean).T @ (points - mean) / len(points)
    diagonal = covariance.diagonal().diag()
    covariance = (len(clips) * covariance + strength * diagonal) / (len(clips) + strength)
    factor, failed = torch.linalg.cholesky_ex(covariance)
    if failed or bool((factor.diagonal() <= 0).any()):
        return _nowhere
    log_scale = float(factor.diagonal().log().sum()) + 0.5 * size * LOG_TWO_PI

    def log_density(x: Tensor) -> Tensor:
        return -0.5 * torch.linalg.solve_triangular(factor, (x - mean).T, upper=False).square().sum(0) - log_scale

    return log_density


def _fit_mixture(clips: Tensor, generator: torch.Generator) -> LogDensity:
    """A mixture of Gaussians; how many is decided by every fifth clip, which the components are not fitted to."""
    chosen = torch.arange(len(clips)) % 5 == 4
    points = clips[:, :2].float()
    mixture = GaussianMixture(clips.shape[-1])
    seen, held_out = points[~chosen].flatten(0, 1), points[chosen].flatten(0, 1)
    try:
        mixture.fit(seen, held_out, COMPONENTS, ITERATIONS, TOLERANCE, generator)
    except (torch.linalg.LinAlgError, FlowshotError):
        return _nowhere
    return lambda x: mixture.log_prob(x.float()).double()


def _judge_kernels(draws: LatentDraws) -> tuple[float, float, float]:
    """The mixture of the clips' own posteriors, as Gaussians: lower bound, upper bound, and the estimate from both."""
    base, density = draws.base.double(), draws.log_density.double()
    chosen = torch.from_numpy(evenly_spaced_rows(len(base), MIXED_CLIPS))
    base, density = base[chosen], density[chosen]
    if draws.base_moments is not None:
        mean, variance = (moment[chosen].double() for moment in draws.base_moments)
    else:
        # Not from the draws that are judged, or a clip's kernel would know them.
        rest = base[:, : max(2, base.shape[1] - JUDGED_DRAWS)]
        mean, variance = rest.mean(1), rest.var(1).clamp_min(1e-12)
    count, judged = len(base), base[:, -JUDGED_DRAWS:]
    constant = 0.5 * (variance.log() + LOG_TWO_PI).sum(-1)
    # By differences, because the squares expanded would cancel where posteriors are narrow; clip by clip for memory.
    log_kernels = torch.cat(
        [-0.5 * ((of_clip[:, None] - mean).square() / variance).sum(-1) - constant for of_clip in judged]
    )
    own = torch.arange(count).repeat_interleave(judged.shape[1])
    rows = torch.arange(len(own))
    log_own = log_kernels[rows, own]
    log_all = log_kernels.logsumexp(1) - math.log(count)
    log_kernels[rows, own] = -math.inf
    log_others = log_kernels.logsumexp(1) - math.log(count - 1)
    low = float((log_own - log_all).mean())
    high = float(density[:, -JUDGED_DRAWS:].mean()) - float(log_others.mean())
    weight = (count - 1) / (2 * count - 1)
    return low, high, weight * high + (1 - weight) * low
