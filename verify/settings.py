"""What a run is asked to do: how much, in which dtypes, where, and of which equations."""

from __future__ import annotations

import dataclasses
import os
import sys
import zlib
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from manual_bp.construction.wiring import nearest

DTYPES = ("float64", "float32", "bfloat16", "float16")
PLATFORMS = ("cpu", "gpu", "tpu")
PRECISIONS = ("default", "high", "highest")
KINKS = ("any", "same")
MAX_SEED = 2**32 - 1


@dataclasses.dataclass(frozen=True)
class Settings:
    """The same settings on the same machine give the same report, times aside.

    A value that makes no sense raises ValueError (TypeError where its type is wrong) with the name, the value
    and what was expected.
    """

    seed: int | None = None  # None: see `start`
    examples: int = 250  # shapes and data that Hypothesis explores for each derivation, after the ladder
    dtypes: Sequence[str] = ("float32", "bfloat16")  # what the device lane computes in
    platform: str | None = None  # None: jax's default
    precision: str = "highest"  # of matrix products, as in jax.default_matmul_precision
    kinks: str = "any"  # at a kink any subgradient is right, or only the "same" as jax.grad's
    only: str | None = None  # a glob: see `selects`
    jobs: int | None = None  # processes; None: see `jobs_on`
    directory: Path = Path(".verify")  # counterexamples and compilation cache

    def __post_init__(self) -> None:
        if self.seed is not None:
            _whole("seed", self.seed, 0, MAX_SEED)
        _whole("examples", self.examples, 1)
        if self.jobs is not None:
            _whole("jobs", self.jobs, 1)
        if isinstance(self.dtypes, str) or not self.dtypes:
            raise TypeError(f"dtypes: {self.dtypes!r}, expected at least one of {_words(DTYPES)}, as a tuple")
        object.__setattr__(self, "dtypes", tuple(dict.fromkeys(map(_dtype_name, self.dtypes))))
        for dtype in self.dtypes:
            _one_of("dtype", dtype, DTYPES)
        if self.platform is not None:
            _one_of("platform", self.platform, PLATFORMS)
        _one_of("precision", self.precision, PRECISIONS)
        _one_of("kinks", self.kinks, KINKS)
        if self.only is not None and not (isinstance(self.only, str) and self.only):
            raise TypeError(f"only: {self.only!r}, expected a glob such as 'dJ_dW*' or 'backprop/*'")
        object.__setattr__(self, "directory", Path(self.directory))

    @property
    def start(self) -> int:
        """What everything is drawn from: the seed; else that of `pytest --hypothesis-seed`; else 0."""
        if self.seed is not None:
            return self.seed
        forced = getattr(sys.modules.get("hypothesis.core"), "global_force_seed", None)
        if forced is None:
            return 0
        fits = isinstance(forced, int) and 0 <= forced <= MAX_SEED
        return forced if fits else zlib.crc32(str(forced).encode())  # to Hypothesis, any text is a seed

    def changed(self, changes: Mapping[str, Any]) -> Settings:
        """The same with other values for some of its fields. Raises TypeError for a name that is no field."""
        known = [field.name for field in dataclasses.fields(self)]
        for name in changes:
            if name not in known:
                raise TypeError(f"{name}: is no setting ({', '.join(known)}){nearest(name, known)}")
        return dataclasses.replace(self, **changes)

    def jobs_on(self, platform: str) -> int:
        """How many processes: as many as asked; else up to 4 cores on a CPU, one where a device is shared."""
        if self.jobs is not None:
            return self.jobs
        return min(4, _cores()) if platform == "cpu" else 1

    def selects(self, derivation: str, equation: str) -> bool:
        """Whether `only` matches the derivation, the equation, or `derivation/equation`."""
        if self.only is None:
            return True
        names = (derivation, equation, f"{derivation}/{equation}")
        return any(fnmatchcase(name, self.only) for name in names)

    def to_json(self) -> dict[str, Any]:
        """The settings that decide what a report says; jobs and the directory do not."""
        return {
            "seed": self.start,
            "examples": self.examples,
            "dtypes": list(self.dtypes),
            "platform": self.platform,
            "precision": self.precision,
            "kinks": self.kinks,
            "only": self.only,
        }


def _whole(name: str, value: object, low: int, high: int | None = None) -> None:
    expected = (
        f"a whole number from {low} to {high}" if high is not None else f"a whole number of at least {low}"
    )
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name}: {value!r}, expected {expected}")
    if value < low or (high is not None and value > high):
        raise ValueError(f"{name}: {value}, expected {expected}")


def _one_of(name: str, value: object, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise ValueError(f"{name}: {value!r}, expected {_words(allowed)}")


def _dtype_name(dtype: object) -> str:
    """Of a name, a dtype, or a scalar type such as `jnp.float32`."""
    return getattr(dtype, "__name__", None) or str(dtype)


def _words(allowed: Sequence[str]) -> str:
    return f"{', '.join(allowed[:-1])} or {allowed[-1]}"


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)  # Linux: what this process may use, in a container too
    return len(affinity(0)) if affinity else os.cpu_count() or 1
