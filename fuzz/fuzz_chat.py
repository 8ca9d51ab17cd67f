"""Fuzz chat templates, and the parsers of what models write.

Invariants: any text as a template gives a string, `FormatError` or `InputError`, within seconds
and little memory; any text as an answer gives the same message however it is cut, and what is
content there was in the text.
"""

import sys
from itertools import count
from time import thread_time

import atheris

with atheris.instrument_imports(include=["abi.chat"]):
    from abi.chat import (  # noqa: F401 - imported late otherwise
        FAMILIES,
        MessageParser,
        _meter,
        _sandbox,
        family_of,
        parse_message,
        render_chat,
    )
    from abi.errors import FormatError, InputError

MESSAGES = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "Hi"},
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": "1", "function": {"name": "now", "arguments": {"a": [1, "b"]}}}],
    },
]
TOOLS = [
    {
        "type": "function",
        "function": {"name": "now", "parameters": {"properties": {"a": {"type": "string"}}}},
    }
]
ROWS = [family_of(" ".join([*row.marks, "<think>"])) for row in FAMILIES] + [family_of("")]
SECONDS = 5.0  # the instrumented code is slower than the limits are made for


def one_input(data: bytes) -> None:
    if data[:1] == b"\0":
        answer(data[1:])
    else:
        template(data.decode("utf-8", "replace"))


def template(source: str) -> None:
    started = thread_time()
    try:
        shown = render_chat(source, MESSAGES, tools=TOOLS, bos_token="<s>", eos_token="</s>")
        assert isinstance(shown, str)
    except (FormatError, InputError):
        pass
    assert thread_time() - started < SECONDS, source


def answer(data: bytes) -> None:
    if len(data) < 3:
        return
    family, text = ROWS[data[0] % len(ROWS)], data[2:].decode("utf-8", "replace")
    step = data[1] % 32 + 1
    ids, again = map(str, count()), map(str, count())
    parser = MessageParser(family, tools=TOOLS, make_id=lambda: next(ids))
    deltas = [d for i in range(0, len(text), step) for d in parser.feed(text[i : i + step])]
    deltas += parser.finish()
    whole = parse_message(family, text, tools=TOOLS, make_id=lambda: next(again))
    assert parser.message == whole
    assert "".join(d.content for d in deltas) == whole.content
    assert len(whole.content) + len(whole.reasoning) <= len(text)
    assert all(isinstance(call.parsed, dict) for call in whole.tool_calls)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
