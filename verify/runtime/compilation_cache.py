"""Keeps compiled programs from one run to the next, in the directory of the settings."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import jax

from verify.settings import Settings

FOLDER = "xla"
OPTIONS = {
    "jax_compilation_cache_dir": None,
    "jax_persistent_cache_min_compile_time_secs": 0.0,
    "jax_persistent_cache_min_entry_size_bytes": -1,
}


def use_cache(settings: Settings) -> None:
    """For the rest of this process."""
    for option, value in OPTIONS.items():
        jax.config.update(option, str((settings.directory / FOLDER).absolute()) if value is None else value)


@contextlib.contextmanager
def compilation_cache(settings: Settings) -> Iterator[None]:
    """For a while; the user's own configuration comes back afterwards."""
    before = {option: getattr(jax.config, option) for option in OPTIONS}
    use_cache(settings)
    try:
        yield
    finally:
        for option, value in before.items():
            jax.config.update(option, value)
