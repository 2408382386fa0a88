"""What listeners' answers say of the systems, with intervals over listeners and clips at once."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from flowshot.listening.answers import Answers
from flowshot.metrics.mean_interval import proportion_interval

# Of Bradley-Terry: a drawn game between every two systems, so that one that never wins has a finite strength.
DRAWN_GAMES = 0.5
ITERATIONS = 200


@dataclass(frozen=True)
class Estimate:
    """A number with its interval, None where it cannot be told, and how many answers it rests on."""

    value: float
    ci_low: float | None
    ci_high: float | None
    n: int


def rating_means(
    answers: Answers, systems: Sequence[str], resamples: int, confidence: float, generator: np.random.Generator
) -> dict[str, Estimate]:
    """The mean score of every system that was rated, from 0 to 100."""
    weights = pigeonhole_weights(
        [each.listener for each in answers.ratings], [each.screen for each in answers.ratings], resamples, generator
    )
    found = {}
    for system in systems:
        chosen = np.array([each.system == system for each in answers.ratings], dtype=bool)
        if chosen.any():
            scores = np.array([each.score for each in answers.ratings])[chosen]
            found[system] = _mean(scores, None if weights is None else weights[:, chosen], confidence)
    return found


def rating_differences(
    answers: Answers,
    pairs: Sequence[tuple[str, str]],
    resamples: int,
    confidence: float,
    generator: np.random.Generator,
) -> dict[tuple[str, str], Estimate]:
    """By how much the first of each pair is rated higher than the second, by one listener on one screen."""
    scores = {(each.listener, each.screen, each.system): each.score for each in answers.ratings}
    places = sorted({(listener, screen) for listener, screen, _ in scores})
    weights = pigeonhole_weights([place[0] for place in places], [place[1] for place in places], resamples, generator)
    found = {}
    for first, second in pairs:
        both = np.array([(*place, first) in scores and (*place, second) in scores for place in places], dtype=bool)
        if both.any():
            rated = [place for place, kept in zip(places, both, strict=True) if kept]
            differences = np.array([scores[(*place, first)] - scores[(*place, second)] for place in rated])
            found[first, second] = _mean(differences, None if weights is None else weights[:, both], confidence)
    return found


def preference_shares(
    answers: Answers,
    pairs: Sequence[tuple[str, str]],
    resamples: int,
    confidence: float,
    generator: np.random.Generator,
) -> dict[tuple[str, str], Estimate]:
    """How often the first of each pair was preferred to the second.

    The interval is Wilson's, with as many independent answers as the resampled spread implies.
    """
    found = {}
    for first, second in pairs:
        chosen = [each for each in answers.preferences if {each.preferred, each.other} == {first, second}]
        if not chosen:
            continue
        won = np.array([each.preferred == first for each in chosen], dtype=np.float64)
        listeners, heard = [each.listener for each in chosen], [each.pair for each in chosen]
        weights = pigeonhole_weights(listeners, heard, resamples, generator)
        clusters = max(len(set(listeners)), len(set(heard)))
        value, error = float(won.mean()), None
        if weights is not None:
            error = float(np.std(_means(won, weights))), float(clusters - 1)
        low, high = proportion_interval(value, error, clusters, confidence)
        found[first, second] = Estimate(value, low, high, len(chosen))
    return found


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
    rows = np.ones((1, len(games))) if weights is None else np.concatenate([np.ones((1, len(games))), weights])
    wins = np.zeros((len(rows), len(systems), len(systems)))
    for index, each in enumerate(games):
        wins[:, place[each.preferred], place[each.other]] += rows[:, index]
    chances = 1 / (1 + np.exp(-bradley_terry(wins)))
    played = [sum(system in (each.preferred, each.other) for each in games) for system in systems]
    ends: list[tuple[float, float] | tuple[None, None]] = [(None, None)] * len(systems)
    if weights is not None:
        ends = [_percentiles(chances[1:, index], confidence) for index in range(len(systems))]
    return {
        system: Estimate(float(value), low, high, count)
        for system, value, (low, high), count in zip(systems, chances[0], ends, played, strict=True)
    }


def bradley_terry(wins: np.ndarray) -> np.ndarray:
    """Log strengths with mean 0, `[..., k]`, from how often i won against j, `[..., k, k]`.

    Maximum likelihood by the iteration of Hunter 2004, "MM algorithms for generalized Bradley-Terry models", Annals of
    Statistics 32(1), with half a win each way added to every pair.
    """
    k = wins.shape[-1]
    wins = wins + DRAWN_GAMES * (1 - np.eye(k))
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

    Listeners and items (screens or pairs) are drawn with replacement, independently, and an answer counts as often as
    both together: Owen 2007, "The pigeonhole bootstrap", Annals of Applied Statistics 1(2). Answers of one listener
    depend on each other, and so do answers to one item; an interval over answers would take them for new evidence.
    Of what there is only one, nothing is drawn, and the interval speaks of that one alone.
    """
    weights = np.ones((resamples, len(listeners)))
    drawn = False
    for names in (listeners, items):
        kinds = list(dict.fromkeys(names))
        if len(kinds) < 2:
            continue
        drawn = True
        draws = generator.multinomial(len(kinds), np.full(len(kinds), 1 / len(kinds)), size=resamples)
        position = {kind: index for index, kind in enumerate(kinds)}
        weights *= draws[:, [position[name] for name in names]]
    return weights if drawn else None


def all_pairs(systems: Sequence[str]) -> list[tuple[str, str]]:
    """Every two systems once, in order."""
    return list(combinations(systems, 2))


def _mean(values: np.ndarray, weights: np.ndarray | None, confidence: float) -> Estimate:
    low, high = (None, None) if weights is None else _percentiles(_means(values, weights), confidence)
    return Estimate(float(values.mean()), low, high, len(values))


def _means(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The weighted mean of `values: [n]` under each row of `weights: [resamples, n]` that holds an answer."""
    weights = weights[weights.sum(1) > 0]
    return weights @ values / weights.sum(1)


def _percentiles(values: np.ndarray, confidence: float) -> tuple[float, float]:
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
