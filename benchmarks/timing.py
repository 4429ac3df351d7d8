"""Times things against each other, in turns, so that a slow moment of the machine hits all alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any


def medians(contenders: Mapping[str, Callable[[Any], object]], inputs: Iterable[Any]) -> dict[str, float]:
    """The median seconds that each contender takes for an input, each input given to all of them in turn."""
    samples: dict[str, list[float]] = {name: [] for name in contenders}
    for given in inputs:
        for name, contender in contenders.items():
            start = time.perf_counter()
            contender(given)
            samples[name].append(time.perf_counter() - start)
    return {name: statistics.median(taken) for name, taken in samples.items()}


def ratios(times: Mapping[str, float]) -> list[str]:
    """A line a contender: its median, and how many times that of the first it is."""
    first = next(iter(times.values()))
    width = max(map(len, times))
    return [
        f"{name:<{width}}  {1e3 * taken:9.3f} ms  {taken / first:6.2f} x" for name, taken in times.items()
    ]
