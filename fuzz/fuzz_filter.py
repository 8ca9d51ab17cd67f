"""Fuzz filters and payloads.

Invariant: any JSON gives a filter or `InputError`, never another exception. A filter judges any
payload without one, and says of columns what it says of the payloads themselves.
"""

import json
import sys

import atheris

with atheris.instrument_imports(include=["abi.store"]):
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
        parsed = parse(given)
    except InputError:
        return
    str(parsed)
    expected = [parsed.matches(payload) for payload in payloads]
    columns = Columns.build(payloads)
    assert parsed.mask(columns, payloads.__getitem__).tolist() == expected
    saved = Columns.from_arrays(columns.arrays(), len(payloads))
    assert parsed.mask(saved, payloads.__getitem__).tolist() == expected


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
