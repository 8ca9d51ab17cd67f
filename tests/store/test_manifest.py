"""The manifest: whole or not at all, and readable with one of its lines damaged."""

from __future__ import annotations

import json
import zlib
from typing import Any

import pytest

from abi.errors import FormatError
from abi.store._config import CollectionConfig, VectorConfig
from abi.store._manifest import CollectionEntry, Manifest, SegmentEntry, manifest_files
from abi.store.files import MemoryFiles

CONFIG = CollectionConfig({"": VectorConfig(8), "b": VectorConfig(16, "hamming", "flat")})
SEGMENTS = (
    SegmentEntry("c1-00000001-segment", 10, "c1-00000003-deaths", {"": "c1-00000002-index"}),
    SegmentEntry("c1-00000004-history", 2, "c1-00000005-deaths", died=(7, 70)),
)
MANIFEST = Manifest(
    "0f",
    sequence=9,
    time=90,
    next_file=6,
    next_collection=3,
    horizon=(4, 40),
    collections=(
        CollectionEntry(1, "with / anything", CONFIG, (1, 10), segments=SEGMENTS),
        CollectionEntry(2, "gone", CollectionConfig(max_payload_bytes=99), (2, 20), (8, 80)),
    ),
)
NAME = "manifest-0000000001"


def test_what_is_written_is_read() -> None:
    files = MemoryFiles()
    written = MANIFEST.write(files)
    assert files.list() == [NAME]
    assert written.number == 1
    assert Manifest.read(files, NAME) == written
    assert written.write(files).number == 2


def test_its_files_are_those_of_all_segments() -> None:
    names = [f"c1-0000000{i}-{k}" for i, k in ((1, "segment"), (2, "index"), (3, "deaths"))]
    assert MANIFEST.files() == {*names, "c1-00000004-history", "c1-00000005-deaths"}


def test_every_flipped_byte_is_survived() -> None:
    files = MemoryFiles()
    written = MANIFEST.write(files)
    data = bytes(files.contents[NAME])
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 1
        files.contents[NAME] = damaged
        assert Manifest.read(files, NAME) == written


def test_every_cut_within_the_first_line_is_refused() -> None:
    files = MemoryFiles()
    MANIFEST.write(files)
    data = bytes(files.contents[NAME])
    for length in range(0, len(data) // 2 - 1, 7):
        files.contents[NAME] = bytearray(data[:length])
        with pytest.raises(FormatError, match="neither of its two lines has its checksum"):
            Manifest.read(files, NAME)


def changed(**values: Any) -> MemoryFiles:
    files = MemoryFiles()
    MANIFEST.write(files)
    _, _, text = bytes(files.contents[NAME]).split(b"\n")[0].partition(b" ")
    value = {**json.loads(text), **values}
    text = json.dumps({k: v for k, v in value.items() if v != "-"}).encode()
    files.contents[NAME] = bytearray(b"%08x %s\n" % (zlib.crc32(text), text)) * 2
    return files


def test_a_newer_format_says_what_to_do() -> None:
    with pytest.raises(FormatError, match="database format 3; this abi reads up to 2: update it"):
        Manifest.read(changed(format=3), NAME)


SEGMENT: dict[str, Any] = {"name": "c1-1-segment", "rows": 1, "deaths": None, "indexes": {}}


@pytest.mark.parametrize(
    "values",
    [
        {"format": "1"},
        {"number": -1},
        {"sequence": True},
        {"time": "-"},
        {"horizon": [1]},
        {"collections": 3},
        {"collections": [[]]},
        {"collections": [{"number": 1}]},
    ],
)
def test_hostile_values_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(FormatError):
        Manifest.read(changed(**values), NAME)


@pytest.mark.parametrize("name", ["../x", "a/b", "", "a\\b", ".", "A", 3, None])
def test_a_file_name_cannot_lead_elsewhere(name: object) -> None:
    segment = {**SEGMENT, "died": None, "name": name}
    collection = {
        "number": 1, "name": "a", "config": CONFIG.to_json(), "created": [1, 1],
        "dropped": None, "segments": [segment],
    }  # fmt: skip
    with pytest.raises(FormatError):
        Manifest.read(changed(collections=[collection]), NAME)


def test_manifests_are_told_from_others_newest_first() -> None:
    names = ["manifest-0000000002", "manifest-0000000010", "manifest-0000000011.part", "log-1"]
    assert manifest_files(names) == [(10, names[1]), (2, names[0])]
