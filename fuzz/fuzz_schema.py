"""Fuzz JSON Schema: schemas, and texts under them.

Invariant: any JSON value is a schema or an `InputError` that says where in it and the cure.
Under a schema a walk through the mask never comes to a place where nothing is allowed, and a
text that may end there is JSON without a name twice in one object.
"""

import json
import sys

import atheris

with atheris.instrument_imports(include=["abi.grammar"]):
    from abi.errors import InputError
    from abi.grammar import Matcher, Vocabulary, compile_schema

PIECES = [bytes([byte]) for byte in range(256)]
PIECES += [b'{"', b'":', b'","', b'"}', b'":1,"', b"]}", b"true", b"\\u00", b"aa"]
VOCABULARY = Vocabulary([*PIECES, None], end_tokens=[len(PIECES)])


def names_once(pairs: list) -> dict:
    assert len(dict(pairs)) == len(pairs), "a name stands twice"
    return dict(pairs)


def one_input(data: bytes) -> None:
    raw, _, choices = data.partition(b"\xff")
    try:
        schema = json.loads(raw)
    except (ValueError, RecursionError):
        return
    try:
        grammar = compile_schema(schema)
    except InputError as error:
        message = str(error)
        assert "schema " in message and "; " in message and "\n" not in message, message
        return
    matcher = Matcher(grammar, VOCABULARY)
    for choice in choices[:32]:
        allowed = matcher.allowed().nonzero()[0]
        token = int(allowed[choice % len(allowed)])
        assert matcher.check(token)
        if token in VOCABULARY.end_tokens:
            break
        matcher.accept(token)
    if matcher.can_end:
        text = b"".join(PIECES[token] for token in matcher.tokens)
        json.loads(text, object_pairs_hook=names_once)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
