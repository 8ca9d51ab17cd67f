"""Both kinds of files keep the protocol."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from abi import _platform
from abi.errors import LockedError
from abi.store.files import Files, MemoryFiles, OSFiles


@pytest.fixture(params=["folder", "memory"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    return OSFiles(tmp_path / "new" / "db") if request.param == "folder" else MemoryFiles()


def write(files: Files, name: str, *parts: bytes) -> None:
    file = files.create(name)
    file.append(*parts)
    file.sync()
    file.close()


def test_what_was_appended_is_read(files: Files) -> None:
    write(files, "a", b"one", b"", np.arange(2, dtype="<u2"), b"!")  # type: ignore[arg-type]
    assert bytes(files.open("a").view()) == b"one\0\0\1\0!"


def test_the_size_counts_what_was_appended(files: Files) -> None:
    file = files.create("a")
    file.append(b"abc")
    file.append(b"d")
    assert file.size == 4


def test_a_file_that_is_still_written_can_be_read(files: Files) -> None:
    file = files.create("a")
    file.append(b"abc")
    before = files.open("a").view()
    file.append(b"def")
    assert bytes(before[:3]) == b"abc"
    assert bytes(files.open("a").view()) == b"abcdef"


def test_an_empty_file_is_read(files: Files) -> None:
    write(files, "a")
    assert bytes(files.open("a").view()) == b""


def test_a_view_is_read_only_and_outlasts_its_file(files: Files) -> None:
    write(files, "a", b"abc")
    reader = files.open("a")
    view = reader.view()
    reader.close()
    files.remove("a")
    assert view.readonly
    assert bytes(view) == b"abc"


def test_a_name_is_created_once(files: Files) -> None:
    write(files, "a", b"x")
    with pytest.raises(FileExistsError):
        files.create("a")


def test_a_file_that_is_not_there(files: Files) -> None:
    with pytest.raises(FileNotFoundError):
        files.open("a")
    files.remove("a")  # no error


def test_a_rename_replaces(files: Files) -> None:
    write(files, "a", b"new")
    write(files, "b", b"old")
    files.rename("a", "b")
    files.sync()
    assert files.list() == ["b"]
    assert bytes(files.open("b").view()) == b"new"


def test_names_are_listed_in_order(files: Files) -> None:
    for name in ("b", "c", "a"):
        write(files, name)
    assert files.list() == ["a", "b", "c"]


def test_a_lock_is_held_once_and_can_be_taken_again(files: Files) -> None:
    held = files.lock("lock")
    with pytest.raises(LockedError):
        files.lock("lock")
    held.release()
    files.lock("lock").release()


def test_a_lock_in_a_folder_names_its_holder(tmp_path: Path) -> None:
    files = OSFiles(tmp_path)
    held = files.lock("lock")
    note = json.loads((tmp_path / "lock").read_bytes())
    assert note["pid"] == os.getpid()
    with pytest.raises(LockedError, match=rf"open for writing in process {os.getpid()} \("):
        files.lock("lock")
    held.release()


def test_a_lock_within_a_process_goes_with_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_platform, "IN_PYODIDE", True)
    held = OSFiles(tmp_path).lock("lock")
    with pytest.raises(LockedError, match=f"process {os.getpid()}"):
        OSFiles(tmp_path).lock("lock")
    held.release()
    OSFiles(tmp_path).lock("lock").release()


def test_the_lock_of_a_process_that_ended_is_free(tmp_path: Path) -> None:
    code = (
        "import os; from abi.store.files import OSFiles;"
        f"OSFiles({str(tmp_path)!r}).lock('lock'); os.kill(os.getpid(), 9)"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], check=False)
    assert ended.returncode == -9
    assert (tmp_path / "lock").read_bytes() != b""
    OSFiles(tmp_path).lock("lock").release()


def test_a_folder_that_is_not_there_is_made_only_when_asked(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        OSFiles(tmp_path / "no", create=False)
    OSFiles(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises((FileExistsError, NotADirectoryError)):
        OSFiles(tmp_path / "a")
