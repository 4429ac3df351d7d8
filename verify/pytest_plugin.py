"""A plugin for pytest: `pytest --verify my_layer.py` judges every equation of the derivations in a file as a test.

Files are named by `--verify FILE`, which may be given several times, or by the ini setting `verify_files`. An item is
`my_layer.py::NAME::EQUATION`, so that `-k`, `-x`, `--lf` and pytest-xdist work. A derivation is judged once, when the
first of its items is run. Nothing is imported before such a file is collected.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from verify.settings import Settings
    from verify.verdict import EquationReport


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("verify", "gradients written by hand")
    group.addoption(
        "--verify",
        action="append",
        default=[],
        metavar="FILE",
        dest="verify_files",
        help="judge the derivations in FILE, one test an equation; may be given several times",
    )
    group.addoption(
        "--verify-examples",
        type=int,
        metavar="N",
        help="how many examples are drawn for a derivation (default: as `python -m verify` does)",
    )
    parser.addini("verify_files", "files with derivations, one test an equation", type="paths", default=[])
    parser.addini("verify_examples", "how many examples are drawn for a derivation", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Files that are named are collected beside the tests. Raises pytest.UsageError for one that is missing."""
    for path in wanted(config):
        if not path.is_file():
            raise pytest.UsageError(f"--verify {path}: is no file; expected a Python file with derivations")
        given = [config.invocation_params.dir / str(each).partition("::")[0] for each in config.args]
        if not any(path == each or each in path.parents for each in given):
            config.args.append(str(path))


def wanted(config: pytest.Config) -> list[Path]:
    """The files to judge."""
    named = [config.invocation_params.dir / name for name in config.getoption("verify_files") or ()]
    return [path.resolve() for path in (*named, *config.getini("verify_files"))]


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if file_path.resolve() in wanted(parent.config):
        return DerivationFile.from_parent(parent, path=file_path)
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A file that is no test by its name is not read for tests, though it is named beside them."""
    patterns = parent.config.getini("python_files")
    named = any(fnmatch.fnmatch(module_path.name, pattern) for pattern in patterns)
    if module_path.resolve() in wanted(parent.config) and not named:
        return NoTests.from_parent(parent, path=module_path)
    return None


class NoTests(pytest.File):
    """A file without tests."""

    def collect(self) -> Iterator[pytest.Item]:
        return iter(())


class DerivationFile(pytest.File):
    """A file with derivations."""

    def collect(self) -> Iterator[pytest.Collector]:
        from verify.targets import discovery  # put off, as all that imports jax: only who judges waits for it

        try:
            targets = list(discovery.resolve([str(self.path)]))
        except discovery.TargetError as error:
            raise self.CollectError(str(error)) from error
        for target in targets:
            yield Judged.from_parent(self, name=target.derivation.name, target=target)


class Judged(pytest.Collector):
    """A derivation: its equations, and the gradient that they compose."""

    def __init__(self, *, target: Any, **more: Any):
        super().__init__(**more)
        self.target = target
        self._reports: dict[str, EquationReport] = {}

    def collect(self) -> Iterator[pytest.Item]:
        from verify.programs.reference import uncomposed  # put off: it imports jax
        from verify.verdict import COMPOSED  # put off: a run without such files has no use for it

        whole = [] if uncomposed(self.target.derivation) else [COMPOSED]
        for name in (*self.target.derivation.equations, *whole):
            item = EquationItem.from_parent(self, name=name)
            item.add_marker(pytest.mark.xdist_group(self.nodeid))
            yield item

    def report_of(self, name: str) -> EquationReport:
        """What is found of an equation; all of them are judged at once."""
        if not self._reports:
            from verify.campaign import campaign  # put off: it imports jax

            report = campaign.run([self.target], _settings(self.config), lambda *_: None)
            if report.interrupted:
                raise KeyboardInterrupt
            self._reports = {each.name: each for each in report.derivations[0].equations}
        return self._reports[name]


class EquationItem(pytest.Item):
    """One equation; it passes where it is proved or verified."""

    parent: Judged

    def runtest(self) -> None:
        from verify.report.story import story  # put off: a run without such files has no use for it

        report = self.parent.report_of(self.name)
        if not report.verdict.good:
            raise NotAccepted(story(report, self.parent.name))
        self.add_report_section("call", "verify", f"{report.verdict}: {report.because or 'no doubt is left'}")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, NotAccepted):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, f"{self.parent.name}/{self.name}"


class NotAccepted(AssertionError):
    """An equation is neither proved nor verified; the message is its story."""


def _settings(config: pytest.Config) -> Settings:
    """Raises pytest.UsageError for a number of examples that is none."""
    from verify.settings import Settings  # put off: a run without such files has no use for it

    given = config.getoption("verify_examples")
    given = config.getini("verify_examples") if given is None else given
    directory = Path(config.rootpath) / ".verify"
    try:
        settings = Settings(jobs=1, directory=directory)
        return settings.changed({"examples": int(given)}) if given else settings
    except (ValueError, TypeError) as error:
        raise pytest.UsageError(f"verify_examples: {error}") from error
