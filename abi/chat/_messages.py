"""Messages: their shape checked, and put as a template takes them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite
from typing import Any, NoReturn

from abi.chat._render import render_chat
from abi.errors import InputError

__all__ = ["Shape", "check_messages", "shape_of", "shaped"]

_NEEDLE = "needle7q"
_WRONG = (f"'{_NEEDLE}'", f'\\"{_NEEDLE}', "None")
_PARAMETERS = {"type": "object", "properties": {_NEEDLE[:6]: {"type": "string"}}, "required": []}
_TOOLS = [
    {
        "type": "function",
        "function": {"name": "find", "description": "Finds.", "parameters": _PARAMETERS},
    }
]
_VARIABLES: dict[str, Any] = {"functions": "", "datetime": ""}  # of FireFunction
_CALL = {
    "id": "call00001",
    "type": "function",
    "function": {"name": "find", "arguments": {_NEEDLE: "x"}},
}
_ASKED: list[dict[str, Any]] = [
    {"role": "user", "content": "x"},
    {"role": "assistant", "content": None, "tool_calls": [_CALL]},
]
_ANSWERED = [
    *_ASKED,
    {"role": "tool", "tool_call_id": "call00001", "name": "find", "content": "x"},
    {"role": "user", "content": "x"},
]


@dataclass(frozen=True)
class Shape:
    """What a template takes.

    Attributes
    ----------
    text, parts : bool
        Content as a string; as a list of parts.
    objects : bool
        Arguments of calls as objects instead of JSON text.
    empty : bool
        No content (None) beside calls.
    """

    text: bool = True
    parts: bool = False
    objects: bool = True
    empty: bool = True


def check_messages(messages: Any) -> list[dict[str, Any]]:
    """Messages as dicts of which role, content and calls have the types they must have.

    Parameters
    ----------
    messages : sequence of mapping or Message

    Returns
    -------
    list of dict

    Raises
    ------
    InputError
        Naming the message and what is wrong with it.

    Examples
    --------
    >>> check_messages([{"role": "user", "content": "Hi"}])
    [{'role': 'user', 'content': 'Hi'}]
    """
    if isinstance(messages, str | Mapping) or not isinstance(messages, Sequence):
        raise InputError(
            f"messages: expected a list of messages, got {type(messages).__name__}; "
            'one is {"role": "user", "content": "..."}'
        )
    if not messages:
        raise InputError("messages: the list is empty")
    return [_checked(i, message) for i, message in enumerate(messages)]


def _checked(i: int, message: Any) -> dict[str, Any]:
    if callable(to_dict := getattr(message, "to_dict", None)):
        message = to_dict()
    if not isinstance(message, Mapping):
        raise InputError(f"messages[{i}]: expected a mapping, got {type(message).__name__}")
    role, calls = message.get("role"), message.get("tool_calls")
    if not isinstance(role, str) or not role:
        raise InputError(f"messages[{i}].role: expected a text such as 'user', got {role!r}")
    if calls is not None:
        _check_calls(i, calls)
    content = message.get("content")
    if content is None and not (calls or message.get("reasoning_content")):
        raise InputError(f"messages[{i}].content: missing; expected a text")
    if content is not None and not isinstance(content, str):
        content = _checked_parts(i, content)
    return {**message, "content": content}


def _check_calls(i: int, calls: Any) -> None:
    where = f"messages[{i}].tool_calls"
    if not isinstance(calls, Sequence) or isinstance(calls, str):
        raise InputError(f"{where}: expected a list, got {type(calls).__name__}")
    for k, call in enumerate(calls):
        function = call.get("function") if isinstance(call, Mapping) else None
        if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
            raise InputError(
                f"{where}[{k}]: expected {{'function': {{'name': ..., 'arguments': ...}}}}"
            )


def _checked_parts(i: int, content: Any) -> list[dict[str, Any]]:
    where = f"messages[{i}].content"
    if not isinstance(content, list | tuple):
        raise InputError(f"{where}: expected a text or a list of parts, got {content!r:.60}")
    for k, part in enumerate(content):
        kind = part.get("type") if isinstance(part, Mapping) else None
        if kind != "text" or not isinstance(part.get("text"), str):
            raise InputError(
                f"{where}[{k}]: expected {{'type': 'text', 'text': ...}}, got {part!r:.60}; "
                "this model reads text only"
            )
    return [dict(part) for part in content]


def shaped(messages: Sequence[Mapping[str, Any]], shape: Shape) -> list[dict[str, Any]]:
    """The same conversation as a template of that shape takes it."""
    return [_shaped(dict(message), shape) for message in messages]


def _shaped(message: dict[str, Any], shape: Shape) -> dict[str, Any]:
    content = message.get("content")
    if isinstance(content, list) and not shape.parts:
        message["content"] = "\n".join(part["text"] for part in content)
    elif isinstance(content, str) and not shape.text:
        message["content"] = [{"type": "text", "text": content}]
    elif content is None and not shape.empty:
        message["content"] = ""
    if message.get("tool_calls"):
        message["tool_calls"] = [_shaped_call(call, shape) for call in message["tool_calls"]]
    return message


def _shaped_call(call: Mapping[str, Any], shape: Shape) -> dict[str, Any]:
    function = dict(call["function"])
    arguments = function.get("arguments")
    if isinstance(arguments, str) and shape.objects:
        try:
            function["arguments"] = json.loads(
                arguments or "{}", parse_constant=_no_number, parse_float=_finite
            )
        except (ValueError, RecursionError):
            raise InputError(
                f"the arguments of a call of {function['name']!r} are not JSON: {arguments!r:.60}"
            ) from None
    elif isinstance(arguments, Mapping) and not shape.objects:
        function["arguments"] = json.dumps(arguments, ensure_ascii=False)
    return {"type": "function", **call, "function": function}


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    return value if isfinite(value) else _no_number(digits)


def shape_of(source: str, tokens: Mapping[str, str]) -> Shape:
    """What a template takes, found by trying."""
    return _tried(source, tuple(sorted(tokens.items())))


@lru_cache(maxsize=16)
def _tried(source: str, tokens: tuple[tuple[str, str], ...]) -> Shape:
    def shows(*messages: dict[str, Any]) -> bool:
        try:
            prompt = render_chat(source, messages, tools=_TOOLS, **{**_VARIABLES, **dict(tokens)})
        except InputError:
            return False
        # Python's quotes, JSON in JSON and the word for nothing mean another shape.
        return _NEEDLE in prompt and not any(wrong in prompt for wrong in _WRONG)

    parts = shows({"role": "user", "content": [{"type": "text", "text": _NEEDLE}]})
    text = shows({"role": "user", "content": _NEEDLE}) or not parts
    shapes = [
        Shape(text, parts, objects, empty)
        for objects, empty in ((True, True), (True, False), (False, True), (False, False))
    ]
    for trial in (_ANSWERED, _ASKED):  # some templates know calls, but no answers to them
        for shape in shapes:
            if shows(*shaped(trial, shape)):
                return shape
    return Shape(text, parts, empty=False)  # it does not know of calls
