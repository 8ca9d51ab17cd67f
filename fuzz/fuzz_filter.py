"""Fuzz filters and payloads.

Invariant: any JSON gives a filter or `InputError`, never another exception. A filter judges any
payload without one, and says of columns, built, saved or merged, what it says of the payloads
themselves, of each of which it asks once at most.
"""

import json
import sys
from datetime import datetime

import atheris

with atheris.instrument_imports(include=["abi.store"]):
    import numpy as np

    from abi.errors import InputError
    from abi.store.filter import parse
    from abi.store.payload import Columns, decode, encode


def one_input(data: bytes) -> None:
    first, _, second = data.partition(b"\n")
    try:
        given, values = json.loads(first), json.loads(second or b"{}")
    except (ValueError, RecursionError):
        return
    payloads = []
    for value in values if isinstance(values, list) else [values]:
        try:
            payloads.append(decode(encode(value, "payload")))
        except InputError:
            continue
    try:
        parse(given)
        parsed = parse(with_moments(given))  # what is no text any more may be refused
    except InputError:
        return
    assert hash(parsed) == hash(parse(with_moments(given)))
    assert isinstance(str(parsed), str)
    expected = [parsed.matches(payload) for payload in payloads]
    for columns in forms(payloads):
        asked: list[int] = []

        def payload_at(row: int, asked: list[int] = asked) -> dict[str, object]:
            asked.append(row)
            return payloads[row]

        assert parsed.mask(columns, payload_at).tolist() == expected
        assert len(asked) == len(set(asked))


def forms(payloads: list[dict[str, object]]) -> list[Columns]:
    """Columns that are built, saved, and merged of two parts."""
    n, half = len(payloads), len(payloads) // 2
    built = Columns.build(payloads)
    parts = [Columns.build(payloads[:half]), Columns.build(payloads[half:])]
    merged = Columns.merge(parts, [np.arange(half), np.arange(half, n)], n)
    saved = Columns.from_arrays(built.arrays(), n)
    return [built, saved] if merged is None else [built, saved, merged]


def with_moments(value: object) -> object:
    """The same with datetimes for the texts behind "@"."""
    if isinstance(value, dict):
        return {key: with_moments(item) for key, item in value.items()}
    if isinstance(value, list):
        return [with_moments(item) for item in value]
    try:
        return datetime.fromisoformat(value[1:]) if value[:1] == "@" else value  # type: ignore
    except (TypeError, ValueError):
        return value


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
