"""Fuzz GBNF: grammars, and texts under them.

Invariant: any text is a grammar or an `InputError` that says the line and the column. Under a
grammar, a mask agrees with the single checks, and what is accepted can be taken back.
"""

import sys

import atheris

with atheris.instrument_imports(include=["abi.grammar"]):
    from abi.errors import InputError
    from abi.grammar import Matcher, Vocabulary, compile_gbnf

PIECES = [bytes([byte]) for byte in range(256)]
PIECES += [b"ab", b"aaa", b'":', b'{"', "é".encode(), "日本".encode(), b"a\xc3", b"  ", b"00"]
VOCABULARY = Vocabulary([*PIECES, None, None], end_tokens=[len(PIECES)])


def one_input(data: bytes) -> None:
    raw, _, tokens = data.partition(b"\xff")
    try:
        grammar = compile_gbnf(raw.decode("utf-8", "replace"))
    except InputError as error:
        message = str(error)
        expected = message.startswith("grammar line ") or "too ambiguous" in message
        assert expected and "; " in message and "\n" not in message.strip(), message
        return
    try:
        matcher = Matcher(grammar, VOCABULARY)
        for token in tokens[:24]:
            mask = matcher.allowed()
            assert mask[token] == matcher.check(token)
            assert mask[256 + token % 11] == matcher.check(256 + token % 11)
            if mask[token]:
                matcher.accept(token)
                matcher.accept_all([97, 98])
                matcher.rollback(min(1, len(matcher.tokens) - 1))
    except InputError as error:  # too ambiguous, or a byte that no token has
        if not any(word in str(error) for word in ("ambiguous", "no token", "states")):
            raise


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
