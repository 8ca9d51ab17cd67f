"""Growing columns: blocks that are complete, whatever the batches were."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abi.store.filter import parse
from abi.store.payload import GrowingColumns, decode, encode

PAYLOADS = st.fixed_dictionaries(
    {}, optional={"a": st.sampled_from([1, 2.5, "x", None, [1, "y"], [[1]], {"b": 1}])}
)
FILTERS = [
    {"a": 1},
    {"a": {"$ne": "x"}},
    {"a": {"$gte": 2}},
    {"a.b": {"$exists": True}},
    {"a": [1]},
]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.lists(PAYLOADS, max_size=7), max_size=5))
def test_blocks_say_what_payloads_say(batches: list[list[dict[str, Any]]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("abi.store.payload._growing._BLOCK", 4)
        patch.setattr("abi.store.payload._growing._FEW", 1)
        rows: list[bytes] = []
        growing = GrowingColumns(rows)
        for batch in batches:
            rows += [encode(payload, "p") if payload else b"" for payload in batch]
            check(growing, rows)


def check(growing: GrowingColumns, rows: list[bytes]) -> None:
    payloads = [decode(row) if row else {} for row in rows]
    for n in {len(rows), len(rows) // 2}:  # a reader that began earlier sees fewer
        blocks = growing.blocks(n)
        assert [block.n for block in blocks] == [4] * (n // 4) + ([n % 4] if n % 4 > 1 else [])
        for i, block in enumerate(blocks):
            some = payloads[4 * i : min(n, 4 * i + 4)]
            for parsed in map(parse, FILTERS):
                expected = [parsed.matches(payload) for payload in some]
                assert parsed.mask(block, some.__getitem__).tolist() == expected


def test_readers_at_the_same_time_make_each_block_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("abi.store.payload._growing._BLOCK", 4)
    rows = [encode({"n": i}, "p") for i in range(40)]
    growing = GrowingColumns(rows)
    plain = growing._built

    def slowly(start: int, stop: int) -> Any:
        time.sleep(0.002)
        return plain(start, stop)

    monkeypatch.setattr(growing, "_built", slowly)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(growing.blocks, [40] * 8))
    for blocks in found:
        words = [block.paths["n"].column("int").words.tolist() for block in blocks]
        assert words == [list(range(i, i + 4)) for i in range(0, 40, 4)]
