"""Shows what a run would find here: versions, devices and what they round, kept files; and how to report a bug."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Iterator
from pathlib import Path

import jax
from rich.console import Console
from rich.text import Text

from verify.arithmetic.bounds.units import PLATFORMS
from verify.campaign.journal import FOLDER as JOURNAL
from verify.campaign.store import FOLDER as COUNTEREXAMPLES
from verify.lanes.device.calibration import measured_products, rounded_claims
from verify.runtime.compilation_cache import FOLDER as COMPILED
from verify.settings import Settings

PACKAGES = (
    "manual-bp",
    "jax",
    "jaxlib",
    "jaxtyping",
    "numpy",
    "scipy",
    "hypothesis",
    "rich",
    "jinja2",
    "latex2mathml",
)
VARIABLES = ("JAX_", "XLA_", "CUDA_VISIBLE_DEVICES")  # begin the names of those that decide something
COMMANDS = (
    "python -m verify --doctor",
    "python -m verify --replay TOKEN    (the token stands below each counterexample)",
)


def show(settings: Settings, console: Console) -> None:
    """Print it, as rows of a name and what there is."""
    found = list(rows(settings))
    width = max(len(name) for name, _ in found)
    for name, said in found:
        console.print(Text.assemble((f"{name:<{width}}", "bold"), f"  {said}"), soft_wrap=True)
    console.print("\nto report a bug, send what these two print:")
    for command in COMMANDS:
        console.print(f"  {command}", soft_wrap=True)


def rows(settings: Settings) -> Iterator[tuple[str, str]]:
    """Each thing by its name, and what there is of it."""
    yield "python", f"{platform.python_version()} on {platform.platform()}"
    for package in PACKAGES:
        yield package, _version(package)
    for name, value in sorted(os.environ.items()):
        if name.startswith(VARIABLES):
            yield name, value
    device = jax.devices(settings.platform)[0]
    count = len(jax.devices(settings.platform))
    yield "device", f"{device.platform} ({device.device_kind}), {count} device{'' if count == 1 else 's'}"
    known = device.platform in PLATFORMS
    yield (
        "rounding",
        "by the table of its platform" if known else "measured here: its platform is in no table",
    )
    if not known:
        kept = measured_products(settings.precision, settings.platform).input_bits
        yield "products", f"keep {kept} bits of a float32 at precision {settings.precision}"
    for dtype in settings.dtypes:
        inexact = sorted(rounded_claims(dtype, settings.platform))
        said = (
            f"rounded, and exact elsewhere: {', '.join(inexact)}" if inexact else "exact where it is expected"
        )
        yield dtype, said
    yield "folder", f"{settings.directory}{'' if settings.directory.is_dir() else ' (not made yet)'}"
    yield "compiled", _size(settings.directory / COMPILED)
    kept = len([*(settings.directory / COUNTEREXAMPLES).rglob("*.json")])
    yield "counterexamples", f"{kept:,} kept, judged first by the next run"
    if (settings.directory / JOURNAL).is_dir():
        yield "journal", "a run that was killed is taken up by the same command"


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed" if package != "manual-bp" else "not installed: run from a folder that holds it"


def _size(folder: Path) -> str:
    """How many programs a folder keeps, and how large they are."""
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return f"{len(sizes):,} files, {sum(sizes) / 2**20:.0f} MB, safe to delete"
