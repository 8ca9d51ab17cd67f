"""What a `MessageParser` is in the middle of, and what it makes of a header, a call, the tools."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from abi.chat._family import Family, Headers, Reader
from abi.chat._marks import Marks
from abi.chat._message import ToolCall
from abi.chat._scanner import Call, Tools, json_object

__all__ = [
    "Mode", "Region", "arguments_of", "marks_of", "recipient", "signatures", "tool_call",
]  # fmt: skip


class Mode(Enum):
    START = auto()  # nothing but white space came since the beginning or the reasoning
    TEXT = auto()
    THINK = auto()
    REGION = auto()
    HEADER = auto()


@dataclass
class Region:
    """Text that is a call if its reader takes it, and otherwise belongs where it began."""

    opening: str
    ends: Marks  # action: whether the mark belongs to the region
    read: Reader
    back: Mode
    keep: str | None = None  # the closing mark, where the reader gets both marks
    bare: bool = False
    searched: int = 0
    n_ends: int = 0


def marks_of(family: Family, with_calls: bool) -> dict[Mode, Marks]:
    """What each mark means, in text and in reasoning."""
    headers = family.headers
    opens: dict[str, Any] = dict.fromkeys(
        (*family.drops, *(headers.stops if headers else ())), Mode.TEXT
    )
    opens |= dict.fromkeys(headers.starts if headers else (), Mode.HEADER)
    opens |= {row.open: row for row in family.calls if with_calls}
    closes = {row.close: Mode.START for row in family.reasoning}
    reasons = {row.open: row for row in family.reasoning}
    return {Mode.TEXT: Marks(reasons | opens), Mode.THINK: Marks(opens | closes)}


def signatures(tools: Sequence[Mapping[str, Any]]) -> Tools:
    """Name and argument schemas of each tool."""
    found: dict[str, Mapping[str, Any]] = {}
    for tool in tools:
        function = tool.get("function", tool)
        if not isinstance(function, Mapping):
            continue
        parameters = function.get("parameters") or {}
        properties = parameters.get("properties") if isinstance(parameters, Mapping) else None
        found[str(function.get("name"))] = properties if isinstance(properties, Mapping) else {}
    return found


def recipient(headers: Headers, header: str) -> str:
    """A name in the header, or the kind of message that its words say."""
    match = re.search(headers.recipient, header)
    if match is not None:
        return match[1]
    words = set(re.findall(r"\w+", header))
    kinds = (*headers.think, *headers.text)
    return next((kind for kind in kinds if kind in words), headers.text[-1])


def arguments_of(name: str) -> Reader:
    def read(text: str, tools: Tools) -> list[Call]:
        return [Call(name, json_object(text))]

    return read


def tool_call(call: Call, make_id: Callable[[], str]) -> ToolCall:
    arguments = json.dumps(call.arguments, ensure_ascii=False, allow_nan=False)
    if not arguments.isascii() and re.search("[\ud800-\udfff]", arguments):
        arguments = json.dumps(call.arguments)
    return ToolCall(call.name, arguments, call.id or make_id())
