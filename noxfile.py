"""What can be run here: `nox -s verify`, `mutants`, `tests`, `lint`, `typecheck`, `docs`, `bench`, `soak`."""

import nox

nox.needs_version = ">=2024.10.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["verify", "tests", "lint", "typecheck"]

GROUPS = nox.project.load_toml("pyproject.toml")


def group(name: str) -> list[str]:
    return list(nox.project.dependency_groups(GROUPS, name))


@nox.session
def verify(session: nox.Session) -> None:
    """Judge gradients: `nox -s verify`, `nox -s verify -- --list`, `nox -s verify -- my_layer.py`."""
    session.install("-e", ".[verify,report]")
    session.run("python", "-m", "verify", *session.posargs)


@nox.session
def mutants(session: nox.Session) -> None:
    """Check the checker: make every equation wrong in every way, and see each caught and named."""
    session.install("-e", ".[verify]")
    session.run("python", "-m", "verify", "--mutants", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Test both packages: `nox -s tests`, `nox -s tests -- -k prod`, `nox -s tests -- --slow` for all of them."""
    session.install("-e", ".[verify]", *group("test"))
    session.run("python", "-m", "pytest", "--numprocesses=auto", "--dist=loadfile", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, and that manual_bp never calls autodiff."""
    session.install(*group("lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def typecheck(session: nox.Session) -> None:
    """Check types."""
    session.install("-e", ".[verify]", *group("test"), *group("typecheck"))
    session.run("pyright", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation, with the verdicts of the last run where there is one: `nox -s docs`."""
    session.install("-e", ".[verify]", *group("docs"))
    session.run("python", "-m", "sphinx", "-W", "--keep-going", "-b", "html", "docs", "docs/_build/html")


@nox.session
def bench(session: nox.Session) -> None:
    """Time the parts against each other, as ratios of medians taken in one run."""
    session.install("-e", ".[verify]")
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session
def soak(session: nox.Session) -> None:
    """Look for false alarms, for hours: `nox -s soak`, `nox -s soak -- --cases 50000 --jobs 2`."""
    session.install("-e", ".[verify]")
    session.run("python", "-m", "benchmarks.soak", *session.posargs)
