"""Files are written whole and privately, and what cannot be written is said in one line."""

import os
import shutil
import stat
from pathlib import Path

import pytest

from provisioning.files import make_folder, unwritable, write_private
from provisioning.problem import Problem


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_private_file_is_readable_by_its_owner_only_whatever_was_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, "new ü")
    assert (path.read_text(encoding="utf-8"), mode(path)) == ("new ü", 0o600), f"{mode(path):o}"


def test_missing_folders_are_made(tmp_path: Path) -> None:
    write_private(tmp_path / "a/b/file", "text")
    assert (tmp_path / "a/b/file").read_text() == "text"


def test_every_folder_that_is_made_is_for_its_owner_only(tmp_path: Path) -> None:
    make_folder(tmp_path / "a/b/c")
    modes = {name: f"{mode(tmp_path / name):o}" for name in ("a", "a/b", "a/b/c")}
    assert set(modes.values()) == {"700"}, modes


def test_a_reader_never_sees_half_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    replace, seen = os.replace, []

    def watched(draft: str, target: Path) -> None:
        seen.append((target.read_text(), Path(draft).read_text()))
        replace(draft, target)

    monkeypatch.setattr("provisioning.files.os.replace", watched)
    write_private(path, "new")
    assert seen == [("old", "new")], "the file was not drafted whole before it replaced the old one"


def test_a_write_that_fails_keeps_the_old_file_and_leaves_no_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("provisioning.files.os.replace", full)
    with pytest.raises(Problem, match=r"cannot be written \(No space left on device\)"):
        write_private(path, "a secret")
    assert {entry.name: entry.read_text() for entry in tmp_path.iterdir()} == {"file": "old"}


def test_a_folder_that_cannot_be_made_is_named_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where a folder should be")
    with pytest.raises(Problem) as caught:
        make_folder(tmp_path / "state")
    line = str(caught.value)
    assert line.startswith(f"{tmp_path / 'state'}: cannot be written (File exists); "), line
    assert "DATALAKE_STATE and DATALAKE_CACHE" in line, line


def test_a_folder_that_cannot_be_copied_is_said_with_the_first_reason() -> None:
    collected = [("a", "b", "[Errno 28] No space left on device: 'b'"), ("c", "d", "another")]
    line = str(unwritable(Path("/state"), shutil.Error(collected)))
    assert line.startswith("/state: cannot be written ([Errno 28] No space left on device: 'b'); "), line


def test_a_file_below_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where a folder should be")
    with pytest.raises(Problem, match="cannot be written"):
        write_private(tmp_path / "state/deep/secrets.json", "{}")


def test_an_existing_folder_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir(mode=0o755)
    before = mode(tmp_path / "there")
    assert make_folder(tmp_path / "there") == tmp_path / "there"
    assert mode(tmp_path / "there") == before, f"{mode(tmp_path / 'there'):o}"
