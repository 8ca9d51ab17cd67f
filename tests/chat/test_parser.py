"""Answers to parts: every family's format, streaming, and what is no call after all."""

from __future__ import annotations

import json
from itertools import count
from time import process_time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abi.chat import FAMILIES, Delta, Message, MessageParser, ToolCall, family_of, parse_message
from abi.chat._scanner import typed
from tests.chat.formats import ANSWERS, TOOLS, Answer

HERMES = family_of("<tool_call> <think>")


def parsed(answer: Answer, text: str | None = None) -> Message:
    family = family_of(answer.marks)
    ids = map(str, count())
    return parse_message(
        family, answer.text if text is None else text, tools=TOOLS, prompt=answer.prompt,
        make_id=lambda: next(ids),
    )  # fmt: skip


def hermes(text: str) -> Message:
    return parse_message(HERMES, text, tools=TOOLS)


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda a: a.family)
def test_an_answer_of_each_family_comes_apart(answer: Answer) -> None:
    assert family_of(answer.marks).name == answer.family
    message = parsed(answer)
    assert [(call.name, call.parsed) for call in message.tool_calls] == answer.calls
    assert message.content == answer.content
    assert message.reasoning == answer.reasoning
    assert message.malformed == ()


def test_every_family_has_an_answer() -> None:
    assert {row.name for row in FAMILIES} <= {answer.family for answer in ANSWERS}


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda a: a.family)
@settings(max_examples=20, deadline=None, derandomize=True)
@given(data=st.data())
def test_any_cut_into_pieces_gives_the_same(answer: Answer, data: st.DataObject) -> None:
    text = answer.text[: data.draw(st.integers(0, len(answer.text)))]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=12)))
    assert _streamed(answer, text, cuts) == parsed(answer, text)


def _streamed(answer: Answer, text: str, cuts: list[int]) -> Message:
    """The message that the deltas add up to, which is also the parser's own."""
    ids = map(str, count())
    family = family_of(answer.marks)
    parser = MessageParser(family, tools=TOOLS, prompt=answer.prompt, make_id=lambda: next(ids))
    deltas: list[Delta] = []
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        deltas += parser.feed(text[start:end])
    deltas += parser.finish()
    added = Message(
        "".join(d.content for d in deltas),
        "".join(d.reasoning for d in deltas),
        tuple(d.tool_call for d in deltas if d.tool_call is not None),
        tuple(d.malformed for d in deltas if d.malformed),
    )
    assert added == parser.message
    return added


_PIECES = st.sampled_from(
    ["<think>", "</think>", "<tool_call>", "</tool_call>", "<tool", "</", "<", ">", " ", "\n", "a",
     '{"name": "now"}', '{"name": "now", "arguments": {"x": "</tool_call>"}}', "{", "é"]
)  # fmt: skip


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(_PIECES, max_size=12), st.lists(st.integers(0, 200), max_size=8))
def test_marks_in_any_order_stream_as_they_parse(pieces: list[str], cuts: list[int]) -> None:
    text = "".join(pieces)
    answer = Answer("hermes", "<tool_call> <think>", text, [])
    within = sorted(min(cut, len(text)) for cut in cuts)
    assert _streamed(answer, text, within) == parsed(answer)


def test_no_part_of_a_mark_is_given_out() -> None:
    parser = MessageParser(HERMES, tools=TOOLS)
    assert [d.content for d in parser.feed("2 <")] == ["2"]
    assert parser.feed("tool_cal") == []
    assert [d.content for d in parser.feed("umn> 3")] == [" <tool_calumn> 3"]


def test_a_call_comes_whole_when_its_end_is_seen() -> None:
    parser = MessageParser(HERMES, tools=TOOLS, make_id=lambda: "id")
    assert parser.feed('<tool_call>{"name": "now"}</tool_cal') == []
    assert parser.feed("l>") == [Delta(tool_call=ToolCall("now", "{}", "id"))]


def test_text_without_marks_is_kept_to_the_letter() -> None:
    assert hermes("  a\n\nb < c  \n").content == "  a\n\nb < c  \n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('<tool_call>{"name": now}</tool_call>', "not JSON: Expecting value"),
        ('<tool_call>{"nam": "now"}</tool_call>', "a call has no name"),
        ('<tool_call>{"name": "now", "arguments": [1]}</tool_call>', "no JSON object"),
        ('<tool_call>{"name": "now"', "not JSON"),
        ("<tool_call></tool_call>", "no call between the marks"),
        ('<tool_call>{"name": "now", "arguments": {"a": NaN}}</tool_call>', "not JSON: NaN"),
        ('<tool_call>{"name": "now", "arguments": "x"}</tool_call>', "not JSON"),
        ("<tool_call>" + "[" * 9999, "nested too deep"),
    ],
)
def test_a_broken_call_stays_in_the_content_and_says_why(text: str, reason: str) -> None:
    message = hermes(f"See: {text} end")
    assert message.content == f"See: {text} end"
    assert message.tool_calls == ()
    assert len(message.malformed) == 1
    assert reason in message.malformed[0]


def test_a_broken_call_does_not_take_the_next_along() -> None:
    message = hermes('<tool_call>{</tool_call>\n<tool_call>{"name": "now"}</tool_call>')
    assert message.content == "<tool_call>{</tool_call>"
    assert [call.name for call in message.tool_calls] == ["now"]


CALL = '<tool_call>{"name": "now"}</tool_call>'


@pytest.mark.parametrize(
    ("text", "content", "reasoning", "n_calls"),
    [
        ("<think>maybe <tool_call> is needed</think>Hello", "Hello",
         "maybe <tool_call> is needed", 0),
        (f"I use <tool_call> tags.\n{CALL}", "I use <tool_call> tags.", "", 1),
        (f'<tool_call>{{"name": "no{CALL}', '<tool_call>{"name": "no', "", 1),
        (f"<think>I might {CALL} but no.</think>done", "done", "I might but no.", 1),
        (f"<think>a{CALL}{CALL}</think>b", "b", "a", 2),
        (f"one\n\n{CALL}\ntwo", "one\n\ntwo", "", 1),
        (f"one{CALL} two", "one two", "", 1),
        (f"one{CALL}two", "onetwo", "", 1),
        ("one <think>hm</think> two", "one two", "hm", 0),
        (f"{CALL} and {CALL}", "and", "", 2),
        ("<tool_call>" * 3 + "x", "<tool_call>" * 3 + "x", "", 0),
    ],
)  # fmt: skip
def test_a_mark_that_is_only_mentioned_takes_nothing_along(
    text: str, content: str, reasoning: str, n_calls: int
) -> None:
    message = hermes(text)
    assert (message.content, message.reasoning) == (content, reasoning)
    assert [call.name for call in message.tool_calls] == ["now"] * n_calls


def test_arguments_too_deep_to_be_written_are_no_call() -> None:
    deep = "[" * 980 + "]" * 980
    text = f'<tool_call>{{"name": "now", "arguments": {{"a": {deep}}}}}</tool_call>'
    message = hermes(text)
    assert message.tool_calls or message.content == text  # as deep as Python's stack allows


def test_white_space_that_comes_bit_by_bit_takes_no_long_time() -> None:
    parser = MessageParser(HERMES, tools=TOOLS)
    started = process_time()
    for _ in range(50_000):
        parser.feed(" ")
    parser.feed("x")
    assert process_time() - started < 2
    assert parser.message.content == " " * 50_000 + "x"


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        ({"type": "string"}, "12", "12"),
        ({"type": ["string", "null"]}, "12", "12"),
        ({"type": ["string", "null"]}, "null", None),
        ({"type": "string", "nullable": True}, "null", None),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "true", "true"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "12", 12),
        ({"enum": ["1", "2"]}, "1", "1"),
        ({"enum": [1, 2]}, "1", 1),
        ({"const": "1"}, "1", "1"),
        ({"allOf": [{"oneOf": [{"type": "string"}]}]}, "{}", "{}"),
        ({"type": "integer"}, "12", 12),
        ({}, "12", 12),
        (7, "x", "x"),
    ],
)
def test_a_tagged_value_is_text_where_the_schema_has_room_for_it(
    schema: Any, text: str, value: Any
) -> None:
    assert typed(text, schema) == value


def test_a_closing_mark_inside_a_text_of_json_is_no_end() -> None:
    message = hermes('<tool_call>{"name": "now", "arguments": {"x": "</tool_call>"}}</tool_call>')
    assert message.tool_calls[0].parsed == {"x": "</tool_call>"}
    assert message.content == ""


def test_a_call_inside_the_reasoning_ends_it() -> None:
    message = hermes('<think>I should\n<tool_call>{"name": "now"}</tool_call>')
    assert message.reasoning == "I should"
    assert [call.name for call in message.tool_calls] == ["now"]


def test_reasoning_that_never_ends_is_reasoning() -> None:
    assert hermes("<think>\nand then").reasoning == "and then"


def test_without_tools_a_call_is_text() -> None:
    text = '<tool_call>{"name": "now"}</tool_call>'
    assert parse_message(HERMES, text) == Message(text)


@pytest.mark.parametrize("text", ['{"answer": 42}', '{"name": "Ann"}', "[1, 2]", "{ no JSON"])
def test_json_that_calls_no_known_tool_is_content(text: str) -> None:
    assert parse_message(family_of("<|python_tag|>"), text, tools=TOOLS) == Message(text)


def test_code_after_the_python_tag_runs_where_there_is_an_interpreter() -> None:
    tools = [{"type": "function", "function": {"name": "python"}}]
    message = parse_message(family_of("<|python_tag|>"), "<|python_tag|>1 + 1", tools=tools)
    assert message.tool_calls[0].parsed == {"code": "1 + 1"}


def test_tagged_values_take_the_type_that_the_tool_names() -> None:
    text = (
        "<tool_call>\n<function=weather>\n<parameter=town>\n123\n</parameter>\n<parameter=tags>\n"
        '["a", "b"]\n</parameter>\n<parameter=other>\nfalse\n</parameter>\n</function>\n'
        "</tool_call>"
    )
    message = parse_message(family_of("<function= <parameter="), text, tools=TOOLS)
    assert message.tool_calls[0].parsed == {"town": "123", "tags": ["a", "b"], "other": False}


def test_the_models_own_ids_are_kept_and_others_are_made() -> None:
    text = "[TOOL_CALLS]now[CALL_ID]abcdefghi[ARGS]{}"
    mistral = family_of("[TOOL_CALLS]")
    assert parse_message(mistral, text, tools=TOOLS).tool_calls[0].id == "abcdefghi"
    made = parse_message(mistral, "[TOOL_CALLS]now[ARGS]{}", tools=TOOLS).tool_calls[0].id
    assert len(made) == 9
    assert made.isalnum()


def test_a_message_exports_as_openai_has_it() -> None:
    call = ToolCall("now", "{}", "call_1")
    assert Message("", "Hm.", (call,)).to_dict() == {
        "role": "assistant",
        "content": None,
        "reasoning_content": "Hm.",
        "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "now", "arguments": "{}"}}
        ],
    }
    assert Delta(tool_call=call, index=1).to_dict()["tool_calls"][0]["index"] == 1
    assert Delta(reasoning="Hm.").to_dict() == {"reasoning_content": "Hm."}


def test_arguments_are_json_that_any_text_can_hold() -> None:
    text = '<tool_call>{"name": "now", "arguments": {"x": "\\ud800 é"}}</tool_call>'
    arguments = hermes(text).tool_calls[0].arguments
    assert arguments.encode()
    assert json.loads(arguments) == {"x": "\ud800 é"}


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda a: a.family)
def test_long_and_broken_answers_take_no_long_time(answer: Answer) -> None:
    marks = [m for m in family_of(answer.marks).all_marks if m] or ["<"]
    text = "".join(marks) * (40_000 // len("".join(marks)))
    parser = MessageParser(family_of(answer.marks), tools=TOOLS, prompt=answer.prompt)
    parser.feed(text)
    parser.finish()
    assert isinstance(parser.message.content, str)
