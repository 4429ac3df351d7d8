"""Chooses the platform that a run is for, and says in one line what to do where it is not there."""

from __future__ import annotations

import os


class PlatformError(Exception):
    """The platform that was asked for is not present; the message is one line that says what to do."""


def choose(platform: str | None) -> None:
    """Make sure that jax has `platform`; called before jax is imported, it keeps other devices asleep.

    Raises PlatformError where jax does not find it.
    """
    if platform == "cpu":
        os.environ.setdefault(
            "JAX_PLATFORMS", "cpu"
        )  # read by jax when it is imported, here and in our processes
    import jax

    try:
        jax.devices(platform)
    except RuntimeError as error:
        present = ", ".join(_present())
        raise PlatformError(
            f"platform {platform or 'default'}: jax finds no such device, only {present}; {_advice(platform)}"
        ) from error


def _present() -> list[str]:
    import jax

    try:
        return sorted({device.platform for device in jax.devices()})
    except RuntimeError:
        return ["none at all"]


def _advice(platform: str | None) -> str:
    if wanted := os.environ.get("JAX_PLATFORMS"):
        return f"JAX_PLATFORMS={wanted} decides what it looks for"
    extra = {"gpu": "cuda13", "tpu": "tpu"}.get(platform or "", "cpu")
    return f'leave --platform out, or install it with: pip install -U "jax[{extra}]"'
