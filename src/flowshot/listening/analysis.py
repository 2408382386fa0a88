"""Analyse listeners' answers, with intervals over listeners and clips."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from flowshot.core.mean_interval import mean_standard_error, proportion_interval, student_interval
from flowshot.listening.answers import Answers

# Of Bradley-Terry: half a win each way between every two systems, so that one that never wins has a finite strength.
HALF_WIN = 0.5
ITERATIONS = 200

Pair = tuple[str, str]


@dataclass(frozen=True)
class Estimate:
    """A number with its interval, None if it cannot be told, and how many answers it rests on."""

    value: float
    ci_low: float | None
    ci_high: float | None
    n: int


def rating_means(answers: Answers, systems: Sequence[str], confidence: float) -> dict[str, Estimate]:
    """The mean score of every system that was rated, from 0 to 100."""
    found = {}
    for system in systems:
        rated = answers.ratings[answers.ratings["system"] == system]
        if len(rated):
            mean = _mean(rated["score"], rated["listener"], rated["screen"], confidence)
            low, high = (None if end is None else min(max(end, 0.0), 100.0) for end in (mean.ci_low, mean.ci_high))
            found[system] = replace(mean, ci_low=low, ci_high=high)
    return found


def rating_differences(answers: Answers, pairs: Sequence[Pair], confidence: float) -> dict[Pair, Estimate]:
    """By how much the first of each pair is rated higher than the second, by one listener on one screen."""
    scores = answers.ratings.pivot(index=["listener", "screen"], columns="system", values="score")
    found = {}
    for first, second in pairs:
        if {first, second} <= set(scores):
            both = (scores[first] - scores[second]).dropna().rename("score").reset_index()
            if len(both):
                found[first, second] = _mean(both["score"], both["listener"], both["screen"], confidence)
    return found


def preference_shares(answers: Answers, pairs: Sequence[Pair], confidence: float) -> dict[Pair, Estimate]:
    """How often the first of each pair was preferred to the second.

    The interval is Wilson's, with as many independent answers as the standard error implies.
    """
    given, found = answers.preferences, {}
    for first, second in pairs:
        chosen = given[given["preferred"].isin((first, second)) & given["other"].isin((first, second))]
        if len(chosen):
            won = (chosen["preferred"] == first).astype(float)
            found[first, second] = _mean(won, chosen["listener"], chosen["pair"], confidence, share=True)
    return found


def _mean(answers: Any, listeners: Any, items: Any, confidence: float, share: bool = False) -> Estimate:
    error, value = crossed_error(answers.to_numpy(dtype=float), list(listeners), list(items)), float(answers.mean())
    low, high = student_interval(value, error, confidence)
    if share:
        low, high = proportion_interval(value, error, max(listeners.nunique(), items.nunique()), confidence)
    return Estimate(value, low, high, len(answers))


def crossed_error(
    values: np.ndarray, listeners: Sequence[Hashable], items: Sequence[Hashable]
) -> tuple[float, float] | None:
    """Standard error and degrees of freedom of the mean of `values: [n]`, None with one listener and one item.

    Answers of one listener depend on each other, and so do answers to one item (a screen or a pair). The variances over
    listeners and over items are added (Cameron, Gelbach & Miller 2011, "Robust inference with multiway clustering",
    without the term for what both share: intervals can only be longer), with Satterthwaite's (1946) degrees of freedom.
    """
    errors = [mean_standard_error(values, groups) for groups in (listeners, items)]
    parts = [(error**2, freedom) for error, freedom in (each for each in errors if each is not None)]
    if not parts:
        return None
    variance = sum(part for part, _ in parts)
    if variance == 0:
        return 0.0, max(freedom for _, freedom in parts)
    return float(np.sqrt(variance)), variance**2 / sum(part**2 / freedom for part, freedom in parts)


def strengths(
    answers: Answers, systems: Sequence[str], resamples: int, confidence: float, generator: np.random.Generator
) -> dict[str, Estimate]:
    """The probability that each system is preferred to an average one, from all pairs at once (Bradley & Terry 1952).

    Of a system of log strength s among those whose log strengths have mean 0, that is 1 / (1 + exp(-s)).
    """
    given = answers.preferences
    games = given[given["preferred"].isin(systems) & given["other"].isin(systems)]
    if len(systems) < 3 or games.empty:
        return {}
    weights = pigeonhole_weights(list(games["listener"]), list(games["pair"]), resamples, generator)
    rows = np.concatenate([np.ones((1, len(games))), np.empty((0, len(games))) if weights is None else weights])
    won, lost = (pd.Index(systems).get_indexer(games[side]) for side in ("preferred", "other"))
    wins = np.zeros((len(rows), len(systems), len(systems)))
    for index, place in enumerate(zip(won, lost, strict=True)):
        wins[:, *place] += rows[:, index]
    chances = 1 / (1 + np.exp(-bradley_terry(wins)))
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    ends = [[None, None]] * len(systems) if weights is None else np.quantile(chances[1:], tails, axis=0).T.tolist()
    found = {}
    for system, chance, (low, high) in zip(systems, chances[0].tolist(), ends, strict=True):
        played = int((games[["preferred", "other"]] == system).any(axis=1).sum())
        found[system] = Estimate(chance, low, high, played)
    return found


def bradley_terry(wins: np.ndarray) -> np.ndarray:
    """Log strengths with mean 0, `[..., k]`, from how often i won against j, `[..., k, k]`.

    Maximum likelihood by the iteration of Hunter 2004, "MM algorithms for generalized Bradley-Terry models".
    """
    wins = wins + HALF_WIN * (1 - np.eye(wins.shape[-1]))
    games, won = wins + np.swapaxes(wins, -1, -2), wins.sum(-1)
    strength = np.ones(wins.shape[:-1])
    for _ in range(ITERATIONS):
        strength = won / (games / (strength[..., :, None] + strength[..., None, :])).sum(-1)
        strength /= np.exp(np.log(strength).mean(-1, keepdims=True))
    return np.log(strength)


def pigeonhole_weights(
    listeners: Sequence[Hashable], items: Sequence[Hashable], resamples: int, generator: np.random.Generator
) -> np.ndarray | None:
    """How often each answer counts in each resample, `[resamples, answers]`; None with one listener and one item.

    Listeners and items (pairs) are drawn with replacement, independently, and an answer counts as often as both
    together: Owen 2007, "The pigeonhole bootstrap". It serves what no formula has an error for.
    """
    codes = [pd.factorize(pd.Series(names))[0] for names in (listeners, items)]
    if max(map(np.max, codes)) == 0:
        return None
    draws = (generator.multinomial(k, np.full(k, 1 / k), size=resamples) for k in (code.max() + 1 for code in codes))
    first, second = (drawn[:, code] for drawn, code in zip(draws, codes, strict=True))
    return np.asarray(first * second, dtype=float)
