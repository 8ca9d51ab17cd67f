"""What is written under a random schema is valid, and what is valid can be written.

`ABI_TEST_SCHEMAS` says how many schemas; `nox -s schemas` takes 1,000.
"""

from __future__ import annotations

import json
import os
import random
from decimal import Decimal
from typing import Any

import jsonschema
import pytest

from abi.errors import InputError
from abi.grammar import Grammar, compile_schema
from tests.grammar.schemas import random_schema
from tests.grammar.writing import write_at_random, write_with_the_tiny_model

N_SCHEMAS = int(os.environ.get("ABI_TEST_SCHEMAS", "100"))
CHECKER = jsonschema.Draft202012Validator.FORMAT_CHECKER
# Schemas that leave no value, that cannot be decided or are too large are rightly refused.
REASONS = (
    "no value is valid", "may both fit one value", "refers to itself without end",
    "it needs more than",
)  # fmt: skip
# Where less than all that is valid is written: other spellings of a literal, and formats that
# jsonschema reads more widely.
BEYOND = ("enum", "const", "format")


def exact(text: str) -> Any:
    """JSON with decimals as they stand, and no name twice."""

    def names_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(dict(pairs)) == len(pairs), text
        return dict(pairs)

    return json.loads(text, parse_float=Decimal, object_pairs_hook=names_once)


def validator(schema: Any) -> Any:
    return jsonschema.Draft202012Validator(exact(json.dumps(schema)), format_checker=CHECKER)


def compiled(seed: int) -> tuple[Any, Grammar] | None:
    schema = random_schema(random.Random(seed))
    try:
        return schema, compile_schema(schema)
    except InputError as error:
        if not any(reason in str(error) for reason in REASONS):
            raise
        return None


def prove(seeds: range) -> int:
    """How many texts were written; each of them is valid."""
    n_written = 0
    for seed in seeds:
        found = compiled(seed)
        if found is None:
            continue
        schema, grammar = found
        if seed % 2:
            text = write_at_random(grammar, random.Random(seed))
        else:
            text = write_with_the_tiny_model(grammar, seed)
        errors = [error.message for error in validator(schema).iter_errors(exact(text))]
        assert errors == [], (seed, schema, text)
        n_written += 1
    return n_written


def test_what_is_written_is_valid() -> None:
    seed = written = 0
    while written < N_SCHEMAS:
        more = N_SCHEMAS - written
        written += prove(range(seed, seed + more))
        seed += more
        assert seed < 2 * N_SCHEMAS + 20, "too many schemas are refused"
    print(f"{written} of {written} texts are valid; {seed - written} schemas were refused")


def mutated(value: Any, rng: random.Random) -> Any:
    """The value with one part of it exchanged, left out, doubled or moved by a little."""
    if isinstance(value, dict) and value and rng.random() < 0.8:
        key = rng.choice(list(value))
        part = mutated(value[key], rng)
        return {
            k: part if k == key else v for k, v in value.items() if k != key or rng.random() < 0.8
        }
    if isinstance(value, list) and value and rng.random() < 0.8:
        at = rng.randrange(len(value))
        return [*value[:at], *([mutated(value[at], rng)] * rng.randint(0, 2)), *value[at + 1 :]]
    if isinstance(value, str) and rng.random() < 0.7:
        at = rng.randint(0, len(value))
        return (
            value[:at] + rng.choice(["", "a", "é", '"', "1", "-"]) + value[at + rng.randint(0, 1) :]
        )
    if isinstance(value, int | Decimal) and not isinstance(value, bool) and rng.random() < 0.7:
        return value + rng.choice([-1, 1, 10, Decimal("0.5")])
    return rng.choice([None, True, 0, "a", [], {}, Decimal("1.5")])


def compact(value: Any) -> str:
    """As `json.dumps` with decimals in full."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{compact(k)}:{compact(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(compact, value)) + "]"
    if isinstance(value, Decimal):
        return format(value, "f")
    return json.dumps(value, ensure_ascii=False)


def is_plain(value: Any) -> bool:
    """Whether the value's text is one that the grammar means to write."""
    if isinstance(value, dict):
        return all(is_plain(part) for part in value.values())
    if isinstance(value, list):
        return all(is_plain(part) for part in value)
    return not isinstance(value, Decimal) or (
        value != value.to_integral_value() and abs(value) < 10**9
    )


@pytest.mark.parametrize("first", range(0, min(N_SCHEMAS, 100), 10))
def test_damaged_values_are_taken_exactly_when_they_are_valid(first: int) -> None:
    n_valid = n_invalid = 0
    for seed in range(first, first + 10):
        found = compiled(seed)
        if found is None:
            continue
        schema, grammar = found
        rng, check = random.Random(seed), validator(schema)
        value = exact(write_at_random(grammar, rng, 25))
        for _ in range(25):
            other = mutated(value, rng)
            valid = check.is_valid(other)
            text = compact(other)
            if not valid:
                assert not grammar.matches(text), (seed, schema, text)
                n_invalid += 1
            elif is_plain(other) and not any(word in str(schema) for word in BEYOND):
                assert grammar.matches(text), (seed, schema, text)
                n_valid += 1
    assert n_invalid > 10
