"""Fuzz the log reader, and the records in it.

Invariant: any bytes give what could be read of a log or `FormatError`, never another exception.
Records are in order and where they say; whatever is left out between them is told. A record of a
batch gives the batch or `FormatError`, and a batch that is written again says the same.
"""

import struct
import sys
import zlib

import atheris

with atheris.instrument_imports(include=["abi.store"]):
    from abi.errors import FormatError
    from abi.store._batch import Batch
    from abi.store._config import CollectionConfig, VectorConfig
    from abi.store._log import scan_log
    from abi.store._pack import Pack, pack

CONFIG = CollectionConfig({"": VectorConfig(2), "b": VectorConfig(8, "hamming")})


def sealed(data: bytes) -> bytes:
    """The bytes as a log with one record, so that more than checksums is tried."""
    head = struct.pack("<8sIIQ", b"ABI-log\0", 1, 0, 1)
    log = head + struct.pack("<II", zlib.crc32(head), 0)
    record = struct.pack("<4sIQQQI", b"rec\n", len(data), 1, 1, 0, zlib.crc32(data))
    return log + record + struct.pack("<I", zlib.crc32(record)) + data


def one_input(data: bytes) -> None:
    for log in (data, sealed(data)):
        try:
            scan = scan_log(memoryview(log), "log")
        except FormatError:
            continue
        sequences = [record.sequence for record in scan.records]
        assert sequences == sorted(set(sequences))
        for record in scan.records:
            assert log[record.offset : record.offset + 4] == b"rec\n"
            batch(record.payload)


def batch(payload: memoryview) -> None:
    try:
        found = Batch.from_log(CONFIG, Pack(payload, "record"))
    except FormatError:
        return
    meta, arrays = found.to_log()
    written = b"".join(bytes(part) for part in pack(meta, arrays))
    again = Batch.from_log(CONFIG, Pack(memoryview(written), "record"))
    assert again.ids == found.ids
    assert again.vectors.keys() == found.vectors.keys()


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
