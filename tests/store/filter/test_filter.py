"""Filters: what they mean, and that columns say what the payloads themselves say."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abi.errors import FormatError, InputError
from abi.store.filter import parse
from abi.store.payload import Columns, GrowingColumns, encode

NOON = datetime(2020, 5, 1, 12, tzinfo=UTC)

MATCHING: list[tuple[Any, Any, bool]] = [
    # equality and types
    ({"a": 1}, {"a": 1}, True),
    ({"a": 1}, {"a": 1.0}, True),
    ({"a": 1}, {"a": True}, False),
    ({"a": True}, {"a": 1}, False),
    ({"a": "1"}, {"a": 1}, False),
    ({"a": {"$eq": "x"}}, {"a": "x"}, True),
    ({"a": {"$ne": "x"}}, {}, True),
    ({"a": {"$ne": "x"}}, {"a": ["x", "y"]}, False),
    ({"a": None}, {}, True),
    ({"a": None}, {"a": None}, True),
    ({"a": None}, {"a": 0}, False),
    ({"a": {"$ne": None}}, {"a": 0}, True),
    ({"a": 2**53 + 1}, {"a": float(2**53)}, False),
    ({"a": 2**70}, {"a": 2**70}, True),
    # order
    ({"a": {"$gt": 1}}, {"a": 1.5}, True),
    ({"a": {"$gt": 1, "$lt": 2}}, {"a": 2}, False),
    ({"a": {"$gte": 2**53 + 1}}, {"a": float(2**53)}, False),
    ({"a": {"$lt": 1}}, {"a": False}, False),
    ({"a": {"$lt": "b"}}, {"a": "aé"}, True),
    ({"a": {"$lt": "\uffff"}}, {"a": "\U00010000"}, False),
    ({"a": {"$gt": 1}}, {"a": "2"}, False),
    ({"a": {"$lt": 10**400}}, {"a": 1e300}, True),
    ({"a": {"$gt": 1}}, {}, False),
    # lists
    ({"a": 2}, {"a": [1, 2]}, True),
    ({"a": [1, 2]}, {"a": [1, 2]}, True),
    ({"a": [1, 2]}, {"a": [2, 1]}, False),
    ({"a": [1]}, {"a": [[1], 2]}, True),
    ({"a": 1}, {"a": [[1]]}, False),
    ({"a": {"$gt": 5}}, {"a": [1, 7]}, True),
    ({"a": []}, {"a": []}, True),
    # nested paths
    ({"a.b": 1}, {"a": {"b": 1}}, True),
    ({"a.b": 1}, {"a.b": 1}, False),
    ({"a.b": 1}, {"a": [{"b": 2}, {"b": 1}]}, True),
    ({"a.b": 3}, {"a": [{"b": [2, 3]}]}, True),
    ({"a.1": 6}, {"a": [5, 6]}, True),
    ({"a.1": 6}, {"a": {"1": 6}}, True),
    ({"a.1.b": 6}, {"a": [5, {"b": 6}]}, True),
    ({"a": {"b": 1}}, {"a": {"b": 1}}, True),
    ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}, False),
    # in, exists, contains
    ({"a": {"$in": [1, "x"]}}, {"a": "x"}, True),
    ({"a": {"$in": []}}, {"a": 1}, False),
    ({"a": {"$nin": [1]}}, {}, True),
    ({"a": {"$nin": [1, 2]}}, {"a": [2, 3]}, False),
    ({"a": {"$in": [None]}}, {}, True),
    ({"a": {"$in": [1]}}, {"a": True}, False),
    ({"a": {"$in": [1.0]}}, {"a": 1}, True),
    ({"a": {"$in": [[1, {"b": 2}]]}}, {"a": [1, {"b": 2.0}]}, True),
    ({"a": {"$in": [[1, {"b": 2}]]}}, {"a": [True, {"b": 2}]}, False),
    ({"a": {"$in": [{"b": 1}]}}, {"a": [{"b": 1}]}, True),
    ({"a": {"$exists": True}}, {"a": None}, True),
    ({"a": {"$exists": False}}, {"a": []}, False),
    ({"a": {"$exists": False}}, {"b": 1}, True),
    ({"a": {"$contains": "b"}}, {"a": "abc"}, True),
    ({"a": {"$contains": "b"}}, {"a": ["abc"]}, False),
    ({"a": {"$contains": "abc"}}, {"a": ["abc"]}, True),
    ({"a": {"$contains": 1}}, {"a": [True]}, False),
    ({"a": {"$contains": [1]}}, {"a": [[1]]}, True),
    ({"a": {"$contains": None}}, {}, False),
    ({"a": {"$contains": None}}, {"a": [None]}, True),
    ({"a.b": {"$contains": 1}}, {"a": [{"b": 1}, {"b": [2]}]}, False),
    ({"a.b": {"$contains": "x"}}, {"a": [{"b": "axa"}, {"b": [2]}]}, True),
    ({"a": 10**400}, {"a": 1}, False),
    ({"a": {"$lt": 10**400}}, {"a": 1.5}, True),
    ({"a.b": {"$contains": 2}}, {"a": [{"b": [2]}, {"b": 1}]}, True),
    ({"a.b": {"$contains": None}}, {"a": [{"b": None}, {"b": [2]}]}, False),
    ({"a.b": {"$contains": "x"}}, {"a": [{"b": "xy"}, {"b": ["z"]}]}, True),
    # logic
    ({}, {}, True),
    ({"a": 1, "b": 2}, {"a": 1}, False),
    ({"$or": [{"a": 1}, {"b": 2}]}, {"b": 2}, True),
    ({"$and": [{"a": 1}, {"b": 2}]}, {"a": 1, "b": 2}, True),
    ({"$not": {"a": 1}}, {"a": 1}, False),
    ({"a": {"$not": {"$gt": 3}}}, {"a": 2}, True),
    ({"a": {"$not": {"$gt": 3}}}, {}, True),
    # moments
    ({"t": {"$gte": NOON}}, {"t": "2020-05-01T14:00:00+02:00"}, True),
    ({"t": {"$gt": NOON}}, {"t": "2020-05-01T14:00:00+02:00"}, False),
    ({"t": {"$lt": NOON}}, {"t": "2020-05-01"}, True),
    ({"t": date(2020, 5, 1)}, {"t": "2020-05-01T00:00:00Z"}, True),
    ({"t": {"$in": [NOON]}}, {"t": ["x", "2020-05-01 12:00"]}, True),
    ({"t": {"$lt": NOON}}, {"t": "no date"}, False),
    ({"t": {"$lt": NOON}}, {"t": 5}, False),
]


@pytest.mark.parametrize(("filter", "payload", "expected"), MATCHING)
def test_what_matches(filter: Any, payload: Any, expected: bool) -> None:
    parsed = parse(filter)
    assert parsed.matches(payload) is expected
    columns = Columns.build([{}, payload, {"zzz": 1}])
    assert parsed.mask(columns, [{}, payload, {"zzz": 1}].__getitem__)[1] == expected


@pytest.mark.parametrize(
    ("filter", "message"),
    [
        (None, "filter: got NoneType; expected a dict"),
        ([1], "filter: got list; expected a dict"),
        ({1: 2}, "filter: a key is int; expected strings"),
        (
            {"a": {"$gtt": 1}},
            r"filter.a.\$gtt: unknown .* did you mean \$gt",
        ),
        ({"$gt": 1}, r"filter.\$gt: unknown operator; expected one of \$and \$or \$not"),
        ({"a": {"$gt": 1, "b": 2}}, "filter.a.b: unknown operator"),
        (
            {"a": {"$gt": None}},
            r"filter.a.\$gt: got NoneType; only numbers, strings and",
        ),
        ({"a": {"$gt": True}}, r"filter.a.\$gt: got bool; only numbers"),
        ({"a": {"$lt": [1]}}, r"filter.a.\$lt: got list; only"),
        ({"a": {"$in": 1}}, r"filter.a.\$in: got int; expected a list"),
        ({"a": {"$in": "abc"}}, r"filter.a.\$in: got str; expected a list"),
        ({"a": {"$in": [1] * 5000}}, r"filter.a.\$in: 5000 elements; expected 0 to 4096"),
        ({"a": {"$in": [{1}]}}, r"filter.a.\$in\[0\]: got set; expected what JSON has"),
        ({"a": {"$exists": 1}}, r"filter.a.\$exists: got int; expected True or False"),
        ({"a": float("nan")}, "filter.a: nan; no payload has such a number"),
        ({"a": {"$not": 3}}, r"filter.a.\$not: expected operators"),
        ({"$or": []}, r"filter.\$or: 0 elements; expected 1 to 4096"),
        ({"$and": {"a": 1}}, r"filter.\$and: got dict; expected a list"),
        ({"$or": [{"a": 1}, 5]}, r"filter.\$or\[1\]: got int; expected a dict"),
        ({"$not": [1]}, r"filter.\$not: got list; expected a dict"),
        ({"a": {"$contains": NOON}}, r"filter.a.\$contains: got a date"),
        ({"a": b"x"}, "filter.a: got bytes; expected what JSON has"),
        ({"a": 10**5000}, "filter.a: an integer of too many digits; no payload has"),
        ({"a": {1: 2}}, "filter.a: a key is no string"),
        ({"a": {"$not": {"b": 1}}}, r"filter.a.\$not: expected operators"),
        ({"a": {"$gt": 1, 10**5000: 2}}, "filter.a: unknown operator; expected one of"),
        ({"a\nb": {"$x": 1}}, r"^filter.'a\\nb'.\$x: unknown operator"),
    ],
)
def test_what_is_no_filter_is_refused(filter: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse(filter)


def test_depth_has_a_limit() -> None:
    for nested in ("$not", "$or"):
        filter: Any = {"a": 1}
        for _ in range(100_000):
            filter = {nested: [filter] if nested == "$or" else filter}
        with pytest.raises(InputError, match="nested more than 32 deep"):
            parse(filter)
    with pytest.raises(InputError, match="a path of 40 steps; 32 at most"):
        parse({".".join("a" * 40): 1})


def test_what_is_shared_is_counted_each_time() -> None:
    filter: Any = {}
    for _ in range(25):
        filter = {"$and": [filter, filter]}
    with pytest.raises(InputError, match="more than 10000 conditions"):
        parse(filter)


def test_integers_of_too_many_digits_are_refused() -> None:
    for filter in ({10**5000: 1}, {"a": {"$exists": 10**5000}}):
        with pytest.raises(InputError):
            parse(filter)


def test_the_number_of_values_has_a_limit() -> None:
    value: Any = 1
    for _ in range(30):
        value = [value, value]
    with pytest.raises(InputError, match="more than 100000 values"):
        parse({"a": value})


def test_filters_are_equal_if_their_operands_are_types_too() -> None:
    assert parse({"a": {"$in": [1, "x"]}}) == parse({"a": {"$in": [1, "x"]}})
    assert parse({"a": 1}) != parse({"a": True})
    some = [{"a": 1}, {"a": True}, {"a": [1]}, {"$or": [{"a": {"b": 1}}, {"b": NOON}]}]
    assert len({parse(filter) for filter in some + some}) == 4


def test_a_long_list_of_operands_is_judged_at_once() -> None:
    """4,096 operands for 20,000 rows without columns: 80 million comparisons one by one."""
    parsed = parse({"a": {"$in": [f"x{i}" for i in range(4095)] + [NOON]}})
    before = time.process_time()
    assert not any(parsed.matches({"a": f"y{i}"}) for i in range(20_000))
    assert parsed.matches({"a": "2020-05-01T14:00:00+02:00"})
    assert time.process_time() - before < 5


def test_payloads_are_asked_for_once_and_where_columns_cannot_tell() -> None:
    payloads: list[dict[str, Any]] = [
        {"lang": ("en", "de")[i % 2], "text": "x" * (300 if i < 4 else 3)} for i in range(8)
    ]
    columns = Columns.build(payloads)

    def asked(filter: Any) -> list[int]:
        found: list[int] = []
        parse(filter).mask(columns, lambda row: found.append(row) or payloads[row])  # type: ignore
        return found

    assert asked({"text": {"$contains": "y"}}) == [0, 1, 2, 3]
    assert asked({"text": {"$contains": "y", "$lt": "z"}, "lang": "en"}) == [0, 2]
    assert asked({"$or": [{"lang": "en"}, {"text": {"$gt": "x"}}]}) == [1, 3]
    assert asked({"text": "x", "lang": {"$exists": True}}) == []
    assert asked({"text": {"$in": ["x" * 300]}}) == [0, 1, 2, 3]


def test_a_mask_is_the_callers_own() -> None:
    columns = Columns.build([{"a": 1}, {}])
    for filter in ({"a": {"$exists": True}}, {"a": 1}, {}):
        mask = parse(filter).mask(columns, lambda row: {})
        expected = mask.tolist()
        mask[:] = False
        assert parse(filter).mask(columns, lambda row: {}).tolist() == expected


def test_numpy_operands_are_plain_values() -> None:
    assert parse({"a": {"$gte": np.int32(3)}}).matches({"a": 3})
    assert parse({"a": {"$in": np.array([1, 2])}}).matches({"a": 2})
    for unit in ("D", "s", "ns"):
        assert parse({"a": np.datetime64("2020-05-01", unit)}).matches({"a": "2020-05-01"})
    for value in (np.datetime64("NaT", "s"), np.timedelta64(3, "ns"), np.array([1, 2])):
        with pytest.raises(InputError, match=r"filter\.a: "):
            parse({"a": value})


def test_a_filter_can_be_read() -> None:
    text = str(parse({"$or": [{"a": {"$gte": 1, "$lt": 5}}, {"$not": {"b": "x"}}]}))
    assert text == "(a $gte 1 and a $lt 5 or not (b $eq 'x'))"
    assert str(parse({"a": {"$in": list(range(50))}})) == "a $in [0, 1, 2, 3, 4, ... 50 in all]"
    assert str(parse({"a": {"$lt": NOON}})) == "a $lt 2020-05-01T12:00:00+00:00"


KEYS = st.sampled_from(["a", "b", "1", "c.d"])
SCALARS = st.one_of(
    st.sampled_from([None, True, False, 0, 1, 2, 1.0, 1.5, -0.0, "", "a", "b", "ab", "\U00010000"]),
    st.sampled_from([2**53, 2**53 + 1, float(2**53), 2**63, -(2**63), 2**70, 1e300]),
    st.sampled_from(["2020-05-01", "2020-05-01T12:00:00Z", "2020-05-01T14:00+02:00", "x" * 300]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=2),
    max_leaves=5,
)
PAYLOADS = st.lists(st.dictionaries(KEYS, VALUES, max_size=3), max_size=8)
PATHS = st.sampled_from(["a", "b", "1", "a.a", "a.b", "a.1", "b.a.b", "c.d", "zz", "", "a."])
ORDERED = st.one_of(
    SCALARS.filter(lambda v: type(v) in (int, float, str)), st.just(NOON), st.just(date(2020, 5, 1))
)
OPERATORS = st.one_of(
    st.tuples(st.sampled_from(["$eq", "$ne"]), VALUES | st.just(NOON)),
    st.tuples(st.just("$contains"), VALUES),
    st.tuples(st.sampled_from(["$gt", "$gte", "$lt", "$lte"]), ORDERED),
    st.tuples(st.sampled_from(["$in", "$nin"]), st.lists(VALUES | st.just(NOON), max_size=4)),
    st.tuples(st.just("$exists"), st.booleans()),
)
LEAVES = st.builds(lambda path, op: {path: {op[0]: op[1]}}, PATHS, OPERATORS)
FILTERS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda parts: {"$and": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda parts: {"$or": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda part: {"$not": part}, inner),
    ),
    max_leaves=4,
)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(PAYLOADS, FILTERS)
def test_columns_say_what_payloads_say(payloads: Any, filter: Any) -> None:
    parsed = parse(filter)
    expected = [parsed.matches(payload) for payload in payloads]
    columns = Columns.build(payloads)
    assert parsed.mask(columns, payloads.__getitem__).tolist() == expected
    saved = Columns.from_arrays(columns.arrays(), len(payloads))
    assert parsed.mask(saved, payloads.__getitem__).tolist() == expected


LISTS = st.lists(
    st.fixed_dictionaries({"b": st.sampled_from([None, 1, "xy", [1], [None, "x"], [[1]], {}])}),
    max_size=3,
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.lists(LISTS, max_size=4),
    st.sampled_from(["$contains", "$eq", "$ne"]),
    st.sampled_from([None, 1, "x", "xy", [1]]),
)
def test_columns_of_lists_of_objects_say_what_payloads_say(lists: Any, op: str, what: Any) -> None:
    payloads = [{"a": some} for some in lists]
    parsed = parse({"a.b": {op: what}})
    expected = [parsed.matches(payload) for payload in payloads]
    assert parsed.mask(Columns.build(payloads), payloads.__getitem__).tolist() == expected


def reached(value: Any, path: list[str]) -> list[Any]:
    """What a path leads to, by the rules in words: an independent reading of them."""
    if not path:
        return [value]
    step, rest = path[0], path[1:]
    if isinstance(value, dict):
        return reached(value[step], rest) if step in value else []
    if not isinstance(value, list):
        return []
    found = []
    if step in ("0", "1", "2") and int(step) < len(value):
        found += reached(value[int(step)], rest)
    for item in value:
        if isinstance(item, dict):
            found += reached(item, path)
    return found


def told(value: Any) -> str:
    """Canonical text of a value: equal just if the values are and their types do not mix."""
    if isinstance(value, list):
        return "[" + ",".join(map(told, value)) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(sorted(f"{k!r}:{told(v)}" for k, v in value.items())) + "}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(Fraction(value))
    return repr(value)


def judged(filter: Any, payload: Any) -> bool:
    """What a filter says, worked out from the semantics and nothing of the package."""
    ((key, value),) = filter.items()
    if key == "$not":
        return not judged(value, payload)
    if key in ("$and", "$or"):
        results = [judged(part, payload) for part in value]
        return all(results) if key == "$and" else any(results)
    ((op, operand),) = value.items()
    values = reached(payload, key.split("."))
    if op == "$exists":
        return (len(values) > 0) == operand
    if op == "$contains":
        return any(
            (isinstance(v, list) and told(operand) in map(told, v))
            or (isinstance(v, str) and isinstance(operand, str) and operand in v)
            for v in values
        )
    each = values + [item for v in values if isinstance(v, list) for item in v]
    if op in ("$eq", "$in", "$ne", "$nin"):
        wanted = [told(o) for o in (operand if "in" in op else [operand])]
        hit = any(told(v) in wanted for v in each) or ("None" in wanted and not values)
        return hit != (op in ("$ne", "$nin"))
    return any(ordered(op, v, operand) for v in each)


def ordered(op: str, value: Any, operand: Any) -> bool:
    numbers = [isinstance(v, int | float) and not isinstance(v, bool) for v in (value, operand)]
    if all(numbers):
        difference = Fraction(value) - Fraction(operand)
    elif isinstance(value, str) and isinstance(operand, str):
        a, b = value.encode("utf-32-be"), operand.encode("utf-32-be")
        difference = Fraction((a > b) - (a < b))
    else:
        return False
    signs = {"$gt": [1], "$gte": [0, 1], "$lt": [-1], "$lte": [-1, 0]}[op]
    return (difference > 0) - (difference < 0) in signs


PLAIN = st.one_of(
    st.tuples(st.sampled_from(["$eq", "$ne", "$contains"]), VALUES),
    st.tuples(
        st.sampled_from(["$gt", "$gte", "$lt", "$lte"]),
        SCALARS.filter(lambda v: type(v) in (int, float, str)),
    ),
    st.tuples(st.sampled_from(["$in", "$nin"]), st.lists(VALUES, max_size=4)),
    st.tuples(st.just("$exists"), st.booleans()),
)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    st.dictionaries(KEYS, VALUES, max_size=3),
    st.recursive(
        st.builds(lambda path, op: {path: {op[0]: op[1]}}, PATHS, PLAIN),
        lambda inner: st.one_of(
            st.builds(lambda parts: {"$and": parts}, st.lists(inner, min_size=1, max_size=3)),
            st.builds(lambda parts: {"$or": parts}, st.lists(inner, min_size=1, max_size=3)),
            st.builds(lambda part: {"$not": part}, inner),
        ),
        max_leaves=4,
    ),
)
def test_a_filter_says_what_its_semantics_say(payload: Any, filter: Any) -> None:
    assert parse(filter).matches(payload) is judged(filter, payload)


def test_columns_of_many_paths_say_what_payloads_say() -> None:
    payloads = [{f"k{i}": i, f"k{i + 1}": "x"} for i in range(400)]
    columns = Columns.build(payloads)
    assert not columns.complete
    assert len(columns.paths) == 256
    for filter in ({"k300": 300}, {"k5": "x"}, {"k399": {"$exists": False}}, {"no": None}):
        parsed = parse(filter)
        expected = [parsed.matches(payload) for payload in payloads]
        assert parsed.mask(columns, payloads.__getitem__).tolist() == expected


def test_growing_columns_say_what_payloads_say() -> None:
    payloads = [{"n": i % 7, "s": f"v{i % 3}"} if i % 5 else {} for i in range(5000)]
    data = [encode(p, "p") if p else b"" for p in payloads]
    kept: list[bytes] = data[:3000]
    growing = GrowingColumns(kept)
    assert [block.n for block in growing.blocks(3000)] == [2048, 952]
    kept += data[3000:]
    blocks = growing.blocks(5000)
    assert [block.n for block in blocks] == [2048, 2048, 904]
    parsed = parse({"n": {"$gte": 3}, "s": "v1"})
    for i, block in enumerate(blocks):
        some = payloads[2048 * i : 2048 * (i + 1)]
        expected = [parsed.matches(payload) for payload in some]
        assert parsed.mask(block, some.__getitem__).tolist() == expected


def test_no_arrays_are_rows_without_payloads() -> None:
    columns = Columns.from_arrays({}, 3)
    assert parse({"a": None}).mask(columns, lambda row: {}).tolist() == [True] * 3
    assert parse({"a": 1}).mask(columns, lambda row: {}).tolist() == [False] * 3


def test_columns_are_small() -> None:
    columns = Columns.build([{"n": i % 200, "tag": f"t{i % 5}"} for i in range(10_000)])
    assert sum(array.nbytes for array in columns.arrays().values()) < 2.3 * 10_000


@pytest.mark.parametrize("seed", range(6))
def test_hostile_arrays_are_refused_or_read(seed: int) -> None:
    """Whatever stands in the arrays: a FormatError, or some mask; never anything else."""
    rng = np.random.default_rng(seed)
    payloads = [{"a": i, "b": [f"x{i}", None], "c": i / 3, "d": i > 3} for i in range(9)]
    arrays = Columns.build(payloads).arrays()
    filters = [parse(f) for f in ({"a": 3}, {"b": {"$lt": "x5"}}, {"c": {"$gt": 1}}, {"d": True})]
    for _ in range(300):
        name = str(rng.choice(list(arrays)))
        broken = dict(arrays)
        kind = rng.integers(5)
        if kind == 0:
            del broken[name]
        elif kind == 1:
            broken[name] = broken[name][: rng.integers(len(broken[name]) + 1)]
        elif kind == 2:
            broken[name] = broken[name].astype(rng.choice(["i8", "f4", "u2"]))
        elif kind == 3:
            broken[name] = np.array(3, broken[name].dtype)
        elif len(broken[name]):
            changed = broken[name].copy()
            changed.view(np.uint8)[rng.integers(changed.nbytes)] ^= 1 << int(rng.integers(8))
            broken[name] = changed
        try:
            columns = Columns.from_arrays(broken, 9)
            for parsed in filters:
                assert parsed.mask(columns, payloads.__getitem__).shape == (9,)
        except FormatError:
            pass
