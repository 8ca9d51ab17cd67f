"""A file is replaced as a whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from abi._files import replacing
from abi.errors import InputError


def test_a_file_takes_its_place_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "a"
    target.write_bytes(b"old")
    with replacing(target) as file:
        file.write(b"new")
        assert target.read_bytes() == b"old"
    assert target.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_leaves_all_as_it_was(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "a"
    target.write_bytes(b"old")

    def broken() -> None:
        with replacing(target) as file:
            file.write(b"new")
            raise error

    with pytest.raises(error):
        broken()
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_an_error_of_the_disk_names_the_target(tmp_path: Path) -> None:
    target = tmp_path / "a"
    with pytest.raises(OSError, match="No space") as caught, replacing(target):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.filename == str(target)
    with pytest.raises(FileNotFoundError) as absent, replacing(tmp_path / "b" / "c"):
        pass
    assert absent.value.filename == str(tmp_path / "b" / "c")
    with pytest.raises(FileNotFoundError) as other, replacing(target):
        open(tmp_path / "source")  # noqa: SIM115
    assert other.value.filename == str(tmp_path / "source")


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "a")
    with replacing(tmp_path / "link") as file:
        file.write(b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "a").read_bytes() == b"new"


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match="a folder, which no file may replace"),
        replacing(tmp_path),
    ):
        pass
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="a device or the like"), replacing(tmp_path / "pipe"):
        pass
    assert list(tmp_path.iterdir()) == [tmp_path / "pipe"]
