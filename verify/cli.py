"""The command line: `python -m verify [TARGET ...]`."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich.console import Console

from verify.command_line import UsageError, parser
from verify.mutants import kill_matrix
from verify.report import comparison, json, junit, listing, markdown, page, saved, terminal, timings
from verify.runtime import files, platforms
from verify.runtime.timings import timed
from verify.settings import Settings
from verify.targets import template
from verify.verdict import COMPOSED, Report

BESIDE = "the page is written beside it"
GOOD, BAD, USAGE, INTERRUPTED = 0, 1, 2, 130
BOOK = "manual_bp."  # begins the modules of the book's derivations
WHOLE = (COMPOSED, r"\text{the equations composed}", "")  # judged as one more equation


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: see the end of `python -m verify --help`."""
    try:
        return _run(parser().parse_args(arguments))
    except KeyboardInterrupt:
        print("verify: interrupted before anything was judged", file=sys.stderr)
        return INTERRUPTED
    except (UsageError, platforms.PlatformError) as error:
        *before, line = str(error).splitlines()
        print(*before, f"verify: {line}", sep="\n", file=sys.stderr)
        return USAGE


def _run(options: argparse.Namespace) -> int:
    if options.new is not None:
        return _start(options.new, options.targets)
    if options.compare is not None:
        return _compare(options.compare, options.targets)
    if options.quiet and options.verbose:
        raise UsageError("--quiet and --verbose: expected one of the two; leave one out")
    settings = _settings(options)
    console = terminal.console()
    platforms.choose(settings.platform)  # before anything that imports jax

    if options.doctor:
        return _diagnose(settings, options.targets, console)
    with timed("import"):
        from verify.targets import discovery as targets

    if options.replay is not None:
        return _replay(options.replay, options.targets, settings, console)
    try:
        found = targets.resolve(options.targets)
    except targets.TargetError as error:
        raise UsageError(str(error)) from error
    listed = _listing(found, settings)
    if options.list:
        listing.show(listed, console, listing.judged_in(_last(settings)))
        return GOOD
    settings = _writing(settings)
    if options.kinks is None and all(target.spec.startswith(BOOK) for target in found):
        settings = settings.changed({"kinks": "same"})
    _probe(found, settings)
    if options.mutants:
        path = _writable(options.report or settings.directory / "mutants.json")
        return _mutate(found, settings, console, path)
    path = _writable(options.report or settings.directory / "report.json")
    if path.suffix == page.SUFFIX:
        raise UsageError(
            f"--report {path}: expected a name for the JSON, as {path.with_suffix('.json')}; {BESIDE}"
        )
    more = {
        save: _writable(given, name)
        for name, given, save in (
            ("--summary", options.summary, markdown.save),
            ("--junit", options.junit, junit.save),
        )
        if given is not None
    }
    return _judge(found, settings, console, path, more, options)


def _last(settings: Settings) -> Report | None:
    """The report of the last run, where there is one."""
    try:
        return saved.load(settings.directory / "report.json")
    except saved.SavedReportError:
        return None


def _compare(paths: Sequence[Path], targets: Sequence[str]) -> int:
    if targets:
        raise UsageError(
            f"--compare {' '.join(map(str, paths))}: judges nothing; leave out {', '.join(targets)}"
        )
    try:
        before, after = (saved.load(path) for path in paths)
    except saved.SavedReportError as error:
        raise UsageError(f"--compare {error}") from error
    return GOOD if comparison.show(before, after, terminal.console()) else BAD


def _tell(label: str, findings) -> None:
    """On standard error, as standard output is the report's."""
    from verify.campaign.unit_summary import unit_summary

    print(f"verify: {label.strip()}: {unit_summary(findings)}", file=sys.stderr, flush=True)


def _diagnose(settings: Settings, targets: Sequence[str], console: Console) -> int:
    if targets:
        raise UsageError(f"--doctor: judges nothing; leave out {', '.join(targets)}")
    from verify import doctor

    doctor.show(settings, console)
    return GOOD


def _start(path: Path, targets: Sequence[str]) -> int:
    if targets:
        raise UsageError(f"--new {path}: writes one file and judges nothing; leave out {', '.join(targets)}")
    try:
        template.write(path)
    except template.TemplateError as error:
        raise UsageError(f"--new {error}") from error
    print(f"{path} is written; judge it with: python -m verify {shlex.quote(str(path))}")
    return GOOD


def _replay(token: str, targets: Sequence[str], settings: Settings, console: Console) -> int:
    from verify.campaign import replay
    from verify.targets.discovery import TargetError

    if targets:
        raise UsageError(f"--replay {token}: the token says what is judged; leave out {', '.join(targets)}")
    try:
        found = replay.replay(token, settings.directory, settings.platform)
    except replay.ReplayError as error:
        raise UsageError(f"--replay {error}") from error
    except TargetError as error:
        raise UsageError(str(error)) from error
    terminal.show_again(token, found.equation, found.case, found.fault, console)
    return GOOD if found.case is None and found.fault is None else BAD


def _settings(options: argparse.Namespace) -> Settings:
    try:
        return Settings(
            seed=options.seed,
            examples=options.examples,
            dtypes=tuple(options.dtypes or Settings.dtypes),
            platform=options.platform,
            precision=options.precision,
            kinks=options.kinks or Settings.kinks,
            only=options.only,
            jobs=options.jobs,
        )
    except (ValueError, TypeError) as error:
        raise UsageError(f"--{error}") from error


def _listing(found, settings: Settings) -> list[listing.Listed]:
    """For each derivation its name, source, and the (name, TeX, label) of the equations that `--only` leaves."""
    listed = []
    for _, derivation in found:
        equations = [*((name, e.tex, e.label) for name, e in derivation.equations.items()), WHOLE]
        kept = [each for each in equations if settings.selects(derivation.name, each[0])]
        if kept:
            listed.append((derivation.name, derivation.source, kept))
    if not listed:
        raise UsageError(
            f"--only {settings.only!r} matches no derivation and no equation; --list shows what there is"
        )
    return listed


def _probe(found, settings: Settings) -> None:
    """Raises UsageError for a forward pass that cannot be judged, before anything is."""
    from verify.targets.forward_checks import ProbeError, probe

    for _, derivation in found:
        names = [*derivation.equations, COMPOSED]
        if any(settings.selects(derivation.name, name) for name in names):
            try:
                probe(derivation, settings)
            except ProbeError as error:
                raise UsageError(str(error)) from error


def _writable(path: Path, option: str = "--report") -> Path:
    """Found out before the work is done, not after."""
    if path.is_dir():
        raise UsageError(f"{option} {path}: is a folder; expected the name of a file")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"{option} {path}: its folder cannot be made ({error.strerror}); choose another"
        ) from error
    return path


def _writing(settings: Settings) -> Settings:
    """With a directory that can be written; says so on standard error where it is another one than was meant."""
    directory, why = files.usable(settings.directory)
    if why:
        print(f"verify: {why}", file=sys.stderr)
    return settings.changed({"directory": directory})


def _mutate(found, settings: Settings, console: Console, path: Path) -> int:
    from verify.mutants import run

    with terminal.progress(console) as update:
        kills = run.run(found, settings, update)
    json.save(kills, path)
    kill_matrix.show(kills, console, path)
    if kills.interrupted:
        return INTERRUPTED
    return GOOD if kills.good else BAD


def _page(report: Report, path: Path) -> str:
    """Writes the page, where what it takes is installed; what is said of it."""
    if not page.available():
        return page.ADVICE
    page.save(report, path)
    return f"page: {path}"


def _judge(
    found,
    settings: Settings,
    console: Console,
    path: Path,
    more: Mapping[Callable[..., None], Path],
    options: argparse.Namespace,
) -> int:
    with timed("import"):
        from verify.campaign import campaign

    with terminal.progress(console, quiet=options.quiet or options.verbose) as update:
        report = campaign.run(found, settings, update, **(dict(watch=_tell) if options.verbose else {}))
    json.save(report, path)
    for save, where in more.items():
        save(report, where)
    terminal.show(report, console, path, _page(report, path.with_suffix(page.SUFFIX)), quiet=options.quiet)
    if options.timings:
        timings.show(report, console)
    if report.interrupted:
        return INTERRUPTED
    return GOOD if report.good else BAD
