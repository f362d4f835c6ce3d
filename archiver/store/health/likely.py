"""How surprising a number is beside what was seen before: exact for counts, robust for sizes."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb, log
from statistics import median

SURPRISE = 0.001
"""What happens by chance less often than this is told."""
_MAD = 1.4826  # makes the median of deviations what the standard deviation is to values that are spread normally
_MOST = 500  # trials that are computed with; more only make what is sure surer


def chance_of_so_few(hits: int, trials: int, past_hits: int, past_trials: int) -> float:
    """The probability of `hits` or fewer in so many trials, if each hits as often as in the past."""
    if trials > _MOST:
        hits, trials = round(hits * _MOST / trials), _MOST
    share = (past_hits + 1) / (past_trials + 2)
    return sum(comb(trials, k) * share**k * (1 - share)**(trials - k) for k in range(hits + 1))


def chance_of_so_many(hits: int, trials: int, past_hits: int, past_trials: int) -> float:
    """The probability of `hits` or more."""
    return chance_of_so_few(trials - hits, trials, past_trials - past_hits, past_trials)


def is_far(value: float, past: Sequence[float], factor: float) -> bool:
    """Whether a size is by more than `factor` above or below the median of the past, and far beyond its spread (five
    times the median deviation, on a scale of ratios). All are greater than 0."""
    middle = median(log(one) for one in past)
    spread = median(abs(log(one) - middle) for one in past) * _MAD
    return abs(log(value) - middle) > max(log(factor), 5 * spread)
