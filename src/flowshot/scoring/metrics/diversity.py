"""How many different clips a set holds, and over how many classes of sound it spreads.

Friedman and Dieng (2022), "The Vendi score: a diversity evaluation metric for machine learning" (arXiv:2210.02410),
definition 3.1: the exponential of the entropy of the eigenvalues of K / n, where K holds the similarities of all pairs
and 1 on its diagonal. It needs no reference, lies between 1 (all alike) and n (nothing in common), and grows with n.
"""

import numpy as np


def directions(x: np.ndarray) -> np.ndarray:
    """The rows of `x: [n, d]` at length 1, `[n, d + 1]`; rows of zeros share a direction of their own, the last."""
    lengths = np.linalg.norm(x, axis=1, keepdims=True)
    return np.hstack([np.divide(x, lengths, out=np.zeros(x.shape), where=lengths != 0), lengths == 0])


def vendi_score(unit: np.ndarray) -> float:
    """The score of a set by the cosines between `unit: [n, d]`, rows of length 1."""
    # Both products have the same eigenvalues but for zeros.
    values = np.linalg.eigvalsh((unit.T @ unit if len(unit) > unit.shape[1] else unit @ unit.T) / len(unit))
    values = values[values > 0]  # l log l is 0 at l = 0, around which rounding scatters eigenvalues
    return float(np.exp(-(values * np.log(values)).sum()))


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
