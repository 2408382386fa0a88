"""Over how many classes of sound a set spreads, compared with real clips."""

import numpy as np


def class_entropy(scores: np.ndarray) -> tuple[float, np.ndarray]:
    """The entropy in nats of the classes of a set, and the influence of each clip on it, `[n]` with mean 0.

    `scores: [n, classes]` are a classifier's, not negative and not all 0. Summed over the set and divided by their
    total they are its distribution over classes p, whose entropy changes by sum_k s_ik (-log p_k - H) / mean(s) with
    the weight of clip i.
    """
    total = scores.sum(axis=1).mean()
    p = scores.mean(axis=0) / total
    surprise = -np.log(np.where(p > 0, p, 1.0))
    entropy = float(p @ surprise)
    return entropy, scores @ (surprise - entropy) / total


def label_diversity(candidate: np.ndarray, reference: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """The effective number of classes of the candidates as a fraction of the reference's; 1 is as diverse.

    `candidate: [n, classes]` and `reference: [m, classes]` are class scores. The effective number of classes is the
    exponential of the entropy (Hill 1973, "Diversity and evenness"). Returns the influences of both sets as well.
    """
    (found, influence_x), (wanted, influence_y) = class_entropy(candidate), class_entropy(reference)
    ratio = float(np.exp(found - wanted))
    return ratio, ratio * influence_x, -ratio * influence_y
