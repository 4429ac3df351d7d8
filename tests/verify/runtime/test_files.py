"""Files of a run: written whole, ignored by git, and in a temporary directory where the folder cannot be written."""

from pathlib import Path

from verify.runtime import files


def test_a_directory_of_its_own_is_ignored_by_git(tmp_path: Path):
    directory, why = files.usable(tmp_path / "a" / ".verify")
    assert (directory, why) == (tmp_path / "a" / ".verify", "")
    assert [path.name for path in directory.iterdir()] == [".gitignore"]
    assert (directory / ".gitignore").read_text() == "*\n"


def test_a_directory_that_is_there_is_left_as_it_is(tmp_path: Path):
    assert files.usable(tmp_path) == (tmp_path, "")
    assert not [*tmp_path.iterdir()]


def test_where_nothing_can_be_written_a_temporary_directory_takes_it(tmp_path: Path):
    (tmp_path / "file").touch()
    directory, why = files.usable(tmp_path / "file" / ".verify")
    assert directory.is_dir()
    assert why.startswith(f"{tmp_path / 'file' / '.verify'}: cannot be written (")
    assert str(directory) in why
    directory.rmdir()
