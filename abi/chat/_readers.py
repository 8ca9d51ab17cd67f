"""One function a way of writing calls: the text between two markers to `Call`s.

Each raises ValueError for what it cannot read; no text makes one of them slow or recurse.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from abi.chat._scanner import Call, Scanner, Tools, json_object, json_values, typed

__all__ = [
    "read_arg_keys", "read_deepseek", "read_functions", "read_json", "read_keyed", "read_kimi",
    "read_kimi_k3", "read_minimax_m3", "read_mistral", "read_solar", "read_tagged",
]  # fmt: skip

_NAMES = ("name", "tool_name", "function")
_ARGUMENTS = ("arguments", "parameters", "args", "input")
_IDS = ("id", "tool_call_id")


def read_json(text: str, tools: Tools) -> list[Call]:
    """`{"name": ..., "arguments": {...}}`, once, in a list, or one after another."""
    values = json_values(text)
    items = values[0] if len(values) == 1 and isinstance(values[0], list) else values
    return [_call(item) for item in items]


def _call(value: Any) -> Call:
    if isinstance(value, Mapping) and isinstance(value.get("function"), Mapping):
        value = {**value, **value["function"], "function": None}
    if not isinstance(value, Mapping):
        raise ValueError("a call is not a JSON object")
    name = next((value[key] for key in _NAMES if value.get(key)), None)
    arguments: Any = next((value[key] for key in _ARGUMENTS if value.get(key) is not None), {})
    if isinstance(arguments, str):
        arguments = json_object(arguments)
    if not isinstance(name, str) or not isinstance(arguments, Mapping):
        raise ValueError("a call has no name, or its arguments are no JSON object")
    given = next((value[key] for key in _IDS if value.get(key) not in (None, "")), "")
    return Call(name, arguments, str(given))


def read_keyed(text: str, tools: Tools) -> list[Call]:
    """`[{"name": {...}}]`: the only key is the tool's name."""
    calls = []
    for values in json_values(text):
        for item in values if isinstance(values, list) else [values]:
            if not isinstance(item, dict) or len(item) != 1:
                raise ValueError("a call is not an object of one key")
            ((name, arguments),) = item.items()
            calls.append(_call({"name": name, "arguments": arguments}))
    return calls


def read_functions(text: str, tools: Tools) -> list[Call]:
    """`<function=NAME>` with JSON, or `<parameter=KEY>` with values, then `</function>`."""
    scanner, calls = Scanner(text), []
    while scanner.space():
        scanner.take("<function=")
        name = scanner.until(">").strip()
        scanner.space()
        if scanner.sees("{"):
            calls.append(Call(name, json_object(scanner.until("</function>"))))
            continue
        arguments: dict[str, Any] = {}
        while scanner.space() and not scanner.sees("</function>"):
            scanner.take("<parameter=")
            key = scanner.until(">").strip()
            arguments[key] = _value(scanner.until("</parameter>"), tools, name, key)
        scanner.take("</function>")
        calls.append(Call(name, arguments))
    return calls


def _value(text: str, tools: Tools, name: str, key: str) -> Any:
    """Less one line end on each side, which is the format's."""
    text = text.removeprefix("\n").removesuffix("\n")
    return typed(text, tools.get(name, {}).get(key))


def read_tagged(
    text: str,
    tools: Tools,
    *,
    prefix: str = "",
    call: str = "invoke",
    argument: str = "parameter",
) -> list[Call]:
    """`<invoke name="NAME"><parameter name="KEY">VALUE</parameter></invoke>` and its relatives.

    `string="true"` and `string="false"` beside a key say whether the value is text or JSON.
    """
    scanner, calls = Scanner(text), []
    while scanner.space():
        scanner.take(f'<{prefix}{call} name="')
        name = scanner.until('"')
        scanner.until(">")
        arguments: dict[str, Any] = {}
        while scanner.space() and not scanner.sees(f"</{prefix}{call}>"):
            scanner.take(f'<{prefix}{argument} name="')
            key = scanner.until('"')
            notes = scanner.until(">")
            value = scanner.until(f"</{prefix}{argument}>")
            if 'string="true"' in notes:
                arguments[key] = value
            else:
                arguments[key] = _value(value, tools, name, key)
        scanner.take(f"</{prefix}{call}>")
        calls.append(Call(name, arguments))
    return calls


def read_minimax_m3(text: str, tools: Tools) -> list[Call]:
    """`<invoke name="NAME"><KEY>VALUE</KEY></invoke>`, each tag behind a mark of its own."""
    scanner, calls = Scanner(text.replace("]<]minimax[>[", "")), []
    while scanner.space():
        scanner.take('<invoke name="')
        name = scanner.until('"')
        scanner.until(">")
        arguments: dict[str, Any] = {}
        while scanner.space() and not scanner.sees("</invoke>"):
            scanner.take("<")
            key = scanner.until(">")
            arguments[key] = _value(scanner.until(f"</{key}>"), tools, name, key)
        scanner.take("</invoke>")
        calls.append(Call(name, arguments))
    return calls


def read_arg_keys(text: str, tools: Tools, *, suffix: str = "") -> list[Call]:
    """`NAME<arg_key>KEY</arg_key><arg_value>VALUE</arg_value>`."""
    key_tag, value_tag = f"arg_key{suffix}>", f"arg_value{suffix}>"
    scanner = Scanner(text.replace(f"<tool_sep{suffix}>", "", 1))
    name = scanner.until(f"<{key_tag}", or_end=True).strip()
    arguments: dict[str, Any] = {}
    scanner.at = max(0, scanner.at - len(key_tag) - 1) if scanner.space() else scanner.at
    while scanner.space():
        scanner.take(f"<{key_tag}")
        key = scanner.until(f"</{key_tag}").strip()
        scanner.space()
        scanner.take(f"<{value_tag}")
        arguments[key] = _value(scanner.until(f"</{value_tag}"), tools, name, key)
    if not name or "<" in name or "\n" in name:
        raise ValueError(f"no tool has the name {name[:40]!r}")
    return [Call(name, arguments)]


def read_deepseek(text: str, tools: Tools) -> list[Call]:
    """`<｜tool▁call▁begin｜>NAME<｜tool▁sep｜>{...}<｜tool▁call▁end｜>`; R1 has the name after."""
    scanner, calls = Scanner(text), []
    while scanner.space():
        scanner.take("<｜tool▁call▁begin｜>")
        name = scanner.until("<｜tool▁sep｜>").strip()
        body = Scanner(scanner.until("<｜tool▁call▁end｜>", or_end=True))
        if name == "function" and "```json" in body.text:
            name = body.until("```json").strip()
            calls.append(Call(name, json_object(body.until("```", or_end=True))))
        else:
            calls.append(Call(name, json_object(body.text)))
    return calls


def read_kimi(text: str, tools: Tools) -> list[Call]:
    """`<|tool_call_begin|>functions.NAME:0<|tool_call_argument_begin|>{...}<|tool_call_end|>`."""
    scanner, calls = Scanner(text), []
    while scanner.space():
        scanner.take("<|tool_call_begin|>")
        id_ = scanner.until("<|tool_call_argument_begin|>").strip()
        arguments = json_object(scanner.until("<|tool_call_end|>", or_end=True))
        name = id_.removeprefix("functions.").rpartition(":")[0] or id_
        calls.append(Call(name, arguments, id_))
    return calls


def read_kimi_k3(text: str, tools: Tools) -> list[Call]:
    """`call tool="NAME"` with `argument key="KEY" type="TYPE"`, opened and closed by marks."""
    scanner, calls = Scanner(text), []
    while scanner.space():
        scanner.take('<|open|>call tool="')
        name = scanner.until('"')
        scanner.until("<|sep|>")
        arguments: dict[str, Any] = {}
        while scanner.space() and not scanner.sees("<|close|>call<|sep|>"):
            scanner.take('<|open|>argument key="')
            key = scanner.until('"')
            notes = scanner.until("<|sep|>")
            value = scanner.until("<|close|>argument<|sep|>")
            text_ = 'type="string"' in notes
            arguments[key] = value if text_ else _value(value, tools, name, key)
        scanner.take("<|close|>call<|sep|>")
        calls.append(Call(name, arguments))
    return calls


def read_solar(text: str, tools: Tools) -> list[Call]:
    """An id, a name and JSON, each behind its mark."""
    scanner, calls = Scanner(text), []
    while scanner.space():
        scanner.take("<|tool_call:begin|>")
        id_ = scanner.until("<|tool_call:name|>").strip()
        name = scanner.until("<|tool_call:args|>").strip()
        arguments = json_object(scanner.until("<|tool_call:end|>", or_end=True))
        calls.append(Call(name, arguments, id_))
    return calls


def read_mistral(text: str, tools: Tools) -> list[Call]:
    """A JSON list (version 3), or `NAME[CALL_ID]ID[ARGS]{...}` with or without the id (11)."""
    scanner = Scanner(text)
    scanner.space()
    if scanner.sees("[") or scanner.sees("{"):
        return read_json(text, tools)
    name, _, id_ = scanner.until("[ARGS]").partition("[CALL_ID]")
    return [Call(name.strip(), json_object(scanner.rest()), id_.strip())]
