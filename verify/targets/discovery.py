"""Finds the derivations that a command line names: by derivation name, module or Python file."""

from __future__ import annotations

import ast
import difflib
import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import manual_bp
from manual_bp.derivation import Derivation
from verify.runtime import tracebacks

BOOK = "manual_bp.book"
PACKAGE = Path(__file__).parents[1]  # verify itself


class Target(NamedTuple):
    """A derivation, and the `module:attribute` or `file.py:attribute` from which another process loads it."""

    spec: str
    derivation: Derivation


class TargetError(Exception):
    """A target that cannot be had; the message ends with the line that says what to do."""


def resolve(names: Sequence[str] = ()) -> list[Target]:
    """The derivations behind `names`, each once, in order; with no names, everything in `manual_bp`.

    Raises TargetError for a name that is nothing known, a file that is missing or does not import, a module
    or file without a Derivation, two derivations of one name.
    """
    if not names:
        return book()
    found = _once(target for name in names for target in _resolve(name))
    first: dict[str, Target] = {}
    for target in found:
        other = first.setdefault(target.derivation.name, target)
        if other is not target:
            raise TargetError(
                f"{other.spec} and {target.spec}: are two derivations called {target.derivation.name!r}; rename one, "
                "since reports, counterexamples and --only tell them apart by name"
            )
    return found


def load(spec: str) -> Derivation:
    """The derivation that a Target's `spec` names."""
    origin, _, attribute = spec.rpartition(":")
    derivation = getattr(_module(origin), attribute, None)
    if not isinstance(derivation, Derivation):
        raise TargetError(f"{spec}: {attribute!r} is no Derivation in {origin}")
    return derivation


def book() -> list[Target]:
    """Every derivation of `manual_bp`, by name."""
    package = _module(BOOK)
    inside = sorted(info.name for info in pkgutil.walk_packages(package.__path__, f"{BOOK}."))
    found = _once(target for name in inside for target in _derivations(name, _module(name)))
    return sorted(found, key=lambda target: target.derivation.name)


def _once(targets: Iterable[Target]) -> list[Target]:
    """Without those met before: a package imports what its modules define."""
    first: dict[int, Target] = {}
    for target in targets:
        first.setdefault(id(target.derivation), target)
    return list(first.values())


def _resolve(name: str) -> list[Target]:
    origin, _, attribute = name.rpartition(":")
    if origin and attribute.isidentifier():
        return [Target(name, load(name))]
    if _is_file(name):
        return _all_of(name)
    known = book()
    if named := [target for target in known if target.derivation.name == name]:
        return named
    if _is_module(name):
        return _all_of(name)
    names = [target.derivation.name for target in known]
    raise TargetError(f"{name}: no derivation, module or .py file of that name{_nearest(name, names)}")


def _all_of(origin: str) -> list[Target]:
    module = _module(origin)
    if targets := _derivations(origin, module):
        return targets
    raise TargetError(
        f"{origin}: no derivation in {module.__file__}; expected a value at module level that is a "
        "manual_bp.derivation.Derivation"
    )


def _derivations(origin: str, module: ModuleType) -> list[Target]:
    values = vars(module).items()
    return [Target(f"{origin}:{name}", value) for name, value in values if isinstance(value, Derivation)]


def _is_file(name: str) -> bool:
    return name.endswith(".py") or "/" in name or "\\" in name


def _is_module(name: str) -> bool:
    """Whether `name` can be imported; its parents are, so what fails in them is the user's to see."""
    parent = name.rpartition(".")[0]
    if not all(part.isidentifier() for part in name.split(".")) or (parent and not _is_module(parent)):
        return False
    if parent and not hasattr(_module(parent), "__path__"):
        return False
    return importlib.util.find_spec(name) is not None


def _nearest(name: str, names: Iterable[str]) -> str:
    names = list(names)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else f"; the derivations are {', '.join(names)}"


def _module(origin: str) -> ModuleType:
    if not _is_file(origin):
        return _importing(origin, lambda: importlib.import_module(origin))
    path = Path(origin).resolve()
    if not path.is_file():
        raise TargetError(f"{origin}: no such file")
    return _importing(origin, lambda: _run_file(path))


def _run_file(path: Path) -> ModuleType:
    """The file as a module, run once; as for a script, its folder is where it imports from first."""
    name = f"verify target {path}"
    if name in sys.modules:
        return sys.modules[name]
    if _has_relative_imports(path):
        return _import_in_package(path)
    _import_from(path.parent)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise TargetError(f"{path}: not a Python file; expected a name that ends in .py")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _import_in_package(path: Path) -> ModuleType:
    """The file as the module of its package that it is: relative imports have a meaning there alone."""
    package = path.parent
    if not (package / "__init__.py").is_file():
        raise TargetError(
            f"{path}: imports relatively, but {package} is no package; add an __init__.py, or import by full names"
        )
    while (package.parent / "__init__.py").is_file():
        package = package.parent
    name = ".".join(path.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__")
    _import_from(package.parent)
    module = importlib.import_module(name)
    if Path(module.__file__ or "").resolve() != path:
        raise TargetError(
            f"{path}: is {name}, but so is {module.__file__}, which is imported first; rename one"
        )
    return module


def _has_relative_imports(path: Path) -> bool:
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):  # told with its line when it is run
        return False
    return any(isinstance(node, ast.ImportFrom) and node.level for node in ast.walk(tree))


def _import_from(folder: Path) -> None:
    """Has Python look in the folder first. Raises TargetError where that would hide this project."""
    _check_shadows(folder)
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _check_shadows(folder: Path) -> None:
    """Raises TargetError where a file beside the user's would be imported in the place of this project."""
    for package in (PACKAGE, Path(manual_bp.__path__[0])):
        for other in (folder / f"{package.name}.py", folder / package.name / "__init__.py"):
            if other.is_file() and other.parent.resolve() != package.resolve():
                raise TargetError(
                    f"{other}: hides the package {package.name} from files beside it; rename it"
                )


def _importing(origin: str, run) -> ModuleType:
    try:
        return run()
    except TargetError:
        raise
    except (Exception, SystemExit) as error:
        raise TargetError(
            f"{tracebacks.users(error)}{origin}: does not import; mend the error above"
        ) from error
