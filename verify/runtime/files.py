"""Files: written whole or not at all, so that whoever reads, or runs after a kill, never meets half of one; whose."""

from __future__ import annotations

import functools
import os
import sysconfig
import tempfile
from pathlib import Path


@functools.cache
def libraries() -> tuple[str, ...]:
    """The folders of Python and of what is installed, as they are and without links."""
    paths = sysconfig.get_paths()
    folders = [Path(paths[key]) for key in ("stdlib", "platstdlib", "purelib", "platlib")]
    return tuple(str(path) for folder in folders for path in (folder, folder.resolve()))


def write(path: Path, content: str | bytes) -> None:
    """Write `content` to `path`, whose folder is made where missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def usable(directory: Path) -> tuple[Path, str]:
    """The directory, made where missing and then ignored by git, and ""; else a temporary one, and why it is used."""
    try:
        if not directory.exists():
            write(directory / ".gitignore", "*\n")
        with tempfile.TemporaryFile(dir=directory):
            return directory, ""
    except OSError as error:
        other = Path(tempfile.mkdtemp(prefix="verify-"))
        return other, f"{directory}: cannot be written ({error.strerror}); {other} takes what is kept"
