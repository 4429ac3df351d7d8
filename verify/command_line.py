"""What the command line takes, and how it refuses what it does not."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NoReturn

from verify.settings import DTYPES, PLATFORMS, PRECISIONS, Settings


class UsageError(Exception):
    """Something the user can mend; the message ends with the line that says how."""


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; `{self.prog} --help` shows what there is")


def parser() -> argparse.ArgumentParser:
    """What the command line takes."""
    default = Settings()
    made = Parser(
        prog="python -m verify",
        description="Judge gradients written by hand: proved, or refuted with the smallest counterexample.",
        epilog="Exit code 0: all proved or verified; 1: anything else; 2: usage or environment; 130: Ctrl-C.",
    )
    add = made.add_argument
    add(
        "targets",
        nargs="*",
        metavar="TARGET",
        help="a derivation's name, a module or a Python file; none: all of manual_bp",
    )
    add(
        "--new",
        type=Path,
        metavar="FILE",
        help="write FILE, a small derivation to start from, and judge nothing",
    )
    add("--list", action="store_true", help="show the derivations and their equations, and judge nothing")
    add("--mutants", action="store_true", help="check the checker: make every equation wrong in every way")
    add("--replay", metavar="TOKEN", help="judge one counterexample again, by the token it is printed with")
    add(
        "--compare",
        nargs=2,
        type=Path,
        metavar=("A", "B"),
        help="put two saved reports side by side, and judge nothing; exit code 1 where a verdict got worse",
    )
    add("--only", metavar="GLOB", help="the derivations or equations to judge: 'dJ_dW*', 'backprop/*'")
    add(
        "--examples",
        type=int,
        metavar="N",
        default=default.examples,
        help="for each derivation (default %(default)s)",
    )
    add(
        "--seed",
        type=int,
        metavar="S",
        default=default.start,
        help="the same seed gives the same report (default %(default)s)",
    )
    add(
        "--dtype",
        action="append",
        metavar="D",
        dest="dtypes",
        help=f"of {', '.join(DTYPES)}; may be given several times",
    )
    add("--platform", metavar="P", help=f"of {', '.join(PLATFORMS)} (default: jax's own)")
    add(
        "--precision",
        metavar="P",
        default=default.precision,
        help=f"of {', '.join(PRECISIONS)} (default %(default)s)",
    )
    add(
        "--kinks",
        metavar="K",
        help="of any, same: which subgradient is right at a kink (default any; for manual_bp jax.grad's own, same)",
    )
    add(
        "--report",
        type=Path,
        metavar="PATH",
        help=f"where to save the report (default {default.directory}/report.json)",
    )
    add(
        "--summary", type=Path, metavar="FILE", help="write a summary in Markdown too, as for a job on GitHub"
    )
    add("--junit", type=Path, metavar="FILE", help="write the verdicts as JUnit's XML too")
    add("--quiet", action="store_true", help="print what failed and the summary, and no progress")
    add(
        "--verbose",
        action="store_true",
        help="say of each unit of work what was done and found, when it is done",
    )
    add("--timings", action="store_true", help="show where the time went")
    add(
        "--doctor",
        action="store_true",
        help="show versions, devices and what they round, and what a report of a bug needs; judge nothing",
    )
    add("--jobs", type=int, metavar="N", help="processes (default: up to 4 cores on a CPU, else 1)")
    return made
