"""What listeners' answers say of the systems, with intervals over listeners and clips at once."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from flowshot.core.mean_interval import mean_standard_error, proportion_interval, student_interval
from flowshot.listening.answers import Answers

# Of Bradley-Terry: half a win each way between every two systems, so that one that never wins has a finite strength.
HALF_WIN = 0.5
ITERATIONS = 200

Pair = tuple[str, str]


@dataclass(frozen=True)
class Estimate:
    """A number with its interval, None where it cannot be told, and how many answers it rests on."""

    value: float
    ci_low: float | None
    ci_high: float | None
    n: int


def rating_means(answers: Answers, systems: Sequence[str], confidence: float) -> dict[str, Estimate]:
    """The mean score of every system that was rated, from 0 to 100."""
    found = {}
    for system in systems:
        rated = [each for each in answers.ratings if each.system == system]
        if rated:
            scores, listeners = [each.score for each in rated], [each.listener for each in rated]
            mean = _mean(scores, listeners, [each.screen for each in rated], confidence)
            low, high = (None if end is None else min(max(end, 0.0), 100.0) for end in (mean.ci_low, mean.ci_high))
            found[system] = replace(mean, ci_low=low, ci_high=high)
    return found


def rating_differences(answers: Answers, pairs: Sequence[Pair], confidence: float) -> dict[Pair, Estimate]:
    """By how much the first of each pair is rated higher than the second, by one listener on one screen."""
    scores = {(each.listener, each.screen, each.system): each.score for each in answers.ratings}
    places = sorted({(listener, screen) for listener, screen, _ in scores})
    found = {}
    for first, second in pairs:
        both = [place for place in places if (*place, first) in scores and (*place, second) in scores]
        if both:
            differences = [scores[(*place, first)] - scores[(*place, second)] for place in both]
            found[first, second] = _mean(differences, [one for one, _ in both], [one for _, one in both], confidence)
    return found


def preference_shares(answers: Answers, pairs: Sequence[Pair], confidence: float) -> dict[Pair, Estimate]:
    """How often the first of each pair was preferred to the second.

    The interval is Wilson's, with as many independent answers as the standard error implies.
    """
    found = {}
    for first, second in pairs:
        chosen = [each for each in answers.preferences if {each.preferred, each.other} == {first, second}]
        if chosen:
            won, listeners = [float(each.preferred == first) for each in chosen], [each.listener for each in chosen]
            found[first, second] = _mean(won, listeners, [each.pair for each in chosen], confidence, share=True)
    return found


def _mean(
    answers: Sequence[float], listeners: Sequence[str], items: Sequence[int], confidence: float, share: bool = False
) -> Estimate:
    values = np.array(answers)
    error, value = crossed_error(values, listeners, items), float(values.mean())
    low, high = student_interval(value, error, confidence)
    if share:
        low, high = proportion_interval(value, error, max(len(set(listeners)), len(set(items))), confidence)
    return Estimate(value, low, high, len(values))


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
    """How likely each system is to be preferred to an average one, by all its pairs at once (Bradley & Terry 1952).

    Of a system of log strength s among those whose log strengths have mean 0, that is 1 / (1 + exp(-s)).
    """
    place = {system: index for index, system in enumerate(systems)}
    games = [each for each in answers.preferences if each.preferred in place and each.other in place]
    if len(systems) < 3 or not games:
        return {}
    weights = pigeonhole_weights([each.listener for each in games], [each.pair for each in games], resamples, generator)
    rows = np.concatenate([np.ones((1, len(games))), np.empty((0, len(games))) if weights is None else weights])
    wins = np.zeros((len(rows), len(systems), len(systems)))
    for index, each in enumerate(games):
        wins[:, place[each.preferred], place[each.other]] += rows[:, index]
    chances = 1 / (1 + np.exp(-bradley_terry(wins)))
    found = {}
    for system, column in zip(systems, chances.T, strict=True):
        low, high = None, None
        if weights is not None:
            low, high = map(float, np.quantile(column[1:], [(1 - confidence) / 2, (1 + confidence) / 2]))
        played = sum(system in (each.preferred, each.other) for each in games)
        found[system] = Estimate(float(column[0]), low, high, played)
    return found


def bradley_terry(wins: np.ndarray) -> np.ndarray:
    """Log strengths with mean 0, `[..., k]`, from how often i won against j, `[..., k, k]`.

    Maximum likelihood by the iteration of Hunter 2004, "MM algorithms for generalized Bradley-Terry models".
    """
    k = wins.shape[-1]
    wins = wins + HALF_WIN * (1 - np.eye(k))
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
    kinds = [list(dict.fromkeys(names)) for names in (listeners, items)]
    if max(map(len, kinds)) < 2:
        return None
    weights = np.ones((resamples, len(listeners)))
    for names, known in zip((listeners, items), kinds, strict=True):
        draws = generator.multinomial(len(known), np.full(len(known), 1 / len(known)), size=resamples)
        position = {kind: index for index, kind in enumerate(known)}
        weights *= draws[:, [position[name] for name in names]]
    return weights
