"""The log: what was appended is read back, and whatever is done to its bytes is told."""

from __future__ import annotations

import errno
import random
import struct

import pytest

from abi.errors import FormatError
from abi.store._log import LogWriter, Scan, log_files, log_name, scan_log
from abi.store.files import MemoryFiles
from tests.store.faults import FailingFiles

PAYLOADS = [b"", b"a", b"12345678", b"rec\n" * 5, bytes(range(50))]


def written(files: MemoryFiles, first: int = 1, payloads: list[bytes] = PAYLOADS) -> LogWriter:
    log = LogWriter(files, first - 1)
    for i, payload in enumerate(payloads):
        log.append(first + i, 1000 + i, [payload[:3], payload[3:]])
        log.sync()
    return log


def scan(files: MemoryFiles, first: int = 1) -> Scan:
    return scan_log(files.open(log_name(first)).view(), "log")


def payloads(scanned: Scan) -> list[bytes]:
    return [bytes(record.payload) for record in scanned.records]


def test_what_was_appended_is_read() -> None:
    files = MemoryFiles()
    written(files, first=7)
    found = scan(files, 7)
    assert payloads(found) == PAYLOADS
    assert [(r.sequence, r.time, r.durable) for r in found.records] == [
        (7 + i, 1000 + i, 6 + i) for i in range(5)
    ]
    assert (found.first, found.damage, found.torn) == (7, [], False)


def test_the_layout_is_what_the_module_says() -> None:
    files = MemoryFiles()
    written(files, first=3, payloads=[b"abc"])
    data = bytes(files.contents[log_name(3)])
    assert data[:8] == b"ABI-log\0"
    assert struct.unpack("<IIQ", data[8:24]) == (1, 0, 3)
    mark, length, sequence, when, durable = struct.unpack("<4sIQQQ", data[32:64])
    assert (mark, length, sequence, when, durable) == (b"rec\n", 3, 3, 1000, 2)
    assert data[72:] == b"abc\0\0\0\0\0"


def test_every_cut_keeps_the_records_before_it() -> None:
    files = MemoryFiles()
    written(files)
    data = bytes(files.contents[log_name(1)])
    whole = scan(files).records
    for length in range(len(data)):
        found = scan_log(memoryview(data[:length]), "log")
        ends = [r.offset + 40 + len(r.payload) for r in whole]
        kept = [r for r, end in zip(whole, ends, strict=True) if end <= length]
        assert payloads(found) == [bytes(record.payload) for record in kept]
        assert not found.damage


def test_every_flipped_byte_loses_at_most_its_record_and_is_told() -> None:
    files = MemoryFiles()
    written(files)
    data = bytes(files.contents[log_name(1)])
    whole = payloads(scan(files))
    for at in range(len(data)):
        for bit in (1, 0x80):
            damaged = bytearray(data)
            damaged[at] ^= bit
            try:
                found = scan_log(memoryview(bytes(damaged)), "log")
            except FormatError:
                pytest.fail("a damaged head must not lose the records")
            left = payloads(found)
            assert len(left) >= len(whole) - 1
            assert set(left) <= set(whole)
            assert left == whole or found.damage


def test_damage_in_the_middle_has_its_place() -> None:
    files = MemoryFiles()
    written(files)
    records = scan(files).records
    files.contents[log_name(1)][records[2].offset + 41] ^= 1
    found = scan(files)
    assert [r.sequence for r in found.records] == [1, 2, 4, 5]
    assert found.damage == [(records[2].offset, records[3].offset)]


def test_zeros_at_the_end_are_told() -> None:
    files = MemoryFiles()
    written(files)
    end = len(files.contents[log_name(1)])
    files.contents[log_name(1)] += bytes(100)
    assert scan(files).damage == [(end, end + 100)]


def test_random_bytes_give_records_or_nothing() -> None:
    source = random.Random(5)
    for _ in range(300):
        data = source.randbytes(source.randrange(200)).replace(b"\x07", b"rec\n")
        assert scan_log(memoryview(data), "log").records == []


def test_another_format_says_what_to_do() -> None:
    import zlib

    head = struct.pack("<8sIIQ", b"ABI-log\0", 2, 0, 1)
    data = head + struct.pack("<II", zlib.crc32(head), 0)
    with pytest.raises(FormatError, match="log format 2, expected 1; open it with a newer abi"):
        scan_log(memoryview(data), "log")


def test_log_files_are_told_from_others_and_ordered() -> None:
    names = ["log-00000000000000000010", "manifest-1", "log-x", "log-00000000000000000002", "log-"]
    assert log_files(names) == [(2, names[3]), (10, names[0])]


def test_a_write_that_fails_leaves_a_torn_file_and_goes_on_in_another() -> None:
    files = FailingFiles()
    log = LogWriter(files, 0)
    log.append(1, 10, [b"one"])
    files.failing, files.partial = {"append": errno.ENOSPC}, 50
    with pytest.raises(OSError, match="No space left"):
        log.append(2, 11, [b"x" * 100])
    files.failing = {}
    log.append(2, 12, [b"two"])
    log.sync()
    assert log.durable == 2
    first, second = scan(files, 1), scan(files, 2)
    assert (payloads(first), first.torn, first.damage) == ([b"one"], True, [])
    assert payloads(second) == [b"two"]


def test_a_sync_after_a_failed_write_covers_the_file_before() -> None:
    files = FailingFiles()
    log = LogWriter(files, 0)
    log.append(1, 10, [b"one"])
    files.failing = {"append": errno.EIO}
    with pytest.raises(OSError, match="Input/output"):
        log.append(2, 11, [b"two"])
    files.failing = {"sync": errno.EIO}
    with pytest.raises(OSError, match="Input/output"):
        log.sync()
    assert log.durable == 0


def test_it_knows_how_long_ago_it_synced(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("abi.store._log.time.monotonic", lambda: clock[0])
    log = LogWriter(MemoryFiles(), 0)
    log.append(1, 1, [b"a"])
    clock[0] += 1.5
    assert (log.durable, log.seconds_since_sync()) == (0, 1.5)
    log.sync()
    assert (log.durable, log.seconds_since_sync()) == (1, 0)
