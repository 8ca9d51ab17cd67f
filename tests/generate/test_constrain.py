"""Generations that keep to a schema or a grammar."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

import abi
from abi.errors import InputError
from abi.generate import Model, PromptLookup

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 2, "maxLength": 12},
        "age": {"type": "integer", "minimum": 3, "maximum": 12},
        "pets": {"type": "array", "items": {"enum": ["cat", "dog"]}, "maxItems": 3},
    },
    "required": ["name", "age", "pets"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def model() -> Model:
    return abi.load(kernels="numpy")


@pytest.mark.parametrize("seed", range(6))
def test_what_is_written_fits_the_schema(model: Model, seed: int) -> None:
    generation = model.generate(
        "A girl: ", constraint=model.constrain(json_schema=SCHEMA), max_tokens=200, seed=seed
    )
    value = json.loads(generation.read())
    jsonschema.validate(value, SCHEMA)
    assert generation.finish_reason == "stop"


def test_choices_are_held_each_by_itself(model: Model) -> None:
    constraint = model.constrain(json_schema=SCHEMA)
    choices = model.choices("A boy: ", n=3, constraint=constraint, max_tokens=200, seed=3)
    for text in choices.read():
        jsonschema.validate(json.loads(text), SCHEMA)


def test_drafts_do_not_get_round_a_grammar(model: Model) -> None:
    texts = []
    for draft in (None, PromptLookup(2, 1)):
        constraint = model.constrain(grammar='root ::= (" the" | " a" | " dog" | " cat"){4,9} "."')
        generation = model.generate(
            "the dog and the cat and the dog", constraint=constraint, draft=draft, temperature=0
        )
        texts.append(generation.read())
    assert texts[0] == texts[1]
    assert texts[0].endswith(".")


def test_logprobs_and_chat_take_a_constraint(model: Model) -> None:
    constraint = model.constrain(grammar='root ::= " yes" | " no"')
    generation = model.generate("Is it so?", constraint=constraint, logprobs=1, seed=1)
    assert generation.read() in (" yes", " no")
    answer = model.chat(
        [{"role": "user", "content": "Is it so?"}],
        template="{{ messages[0].content }}",
        constraint=model.constrain(grammar='root ::= " yes" | " no"'),
    )
    assert answer in (" yes", " no")


def test_a_compiled_grammar_is_kept(model: Model) -> None:
    first, second = (model.constrain(json_schema=SCHEMA) for _ in range(2))
    assert first.grammar is second.grammar
    for i in range(9):
        model.constrain(grammar=f'root ::= "{i}"')
    assert model.constrain(json_schema=SCHEMA).grammar is not first.grammar


def test_one_of_the_two_is_asked_for(model: Model) -> None:
    for options in ({}, {"json_schema": {}, "grammar": "root ::= [a]"}):
        with pytest.raises(InputError, match="give either json_schema= or grammar="):
            model.constrain(**options)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="json_schema: this is no JSON"):
        model.constrain(json_schema={"enum": [object()]})
    with pytest.raises(InputError, match="#/properties/a/type"):
        model.constrain(json_schema={"properties": {"a": {"type": "strin"}}})
