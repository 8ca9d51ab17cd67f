"""What an assistant said, in parts: content, reasoning and calls of tools."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

__all__ = ["Delta", "Message", "ToolCall", "new_call_id"]

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def new_call_id() -> str:
    """Nine letters and digits, as Mistral's templates ask for; no other template objects."""
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in os.urandom(9))


@dataclass(frozen=True)
class ToolCall:
    """One call of a tool.

    Attributes
    ----------
    name : str
    arguments : str
        A JSON object, as OpenAI's interface has it.
    id : str
        The model's own where its format has one, otherwise nine random letters and digits.

    Examples
    --------
    >>> call = ToolCall("add", '{"a": 1}', "call_1")
    >>> call.parsed["a"]
    1
    """

    name: str
    arguments: str
    id: str

    @property
    def parsed(self) -> dict[str, Any]:
        """The arguments as a dict."""
        value: dict[str, Any] = json.loads(self.arguments)
        return value

    def to_dict(self) -> dict[str, Any]:
        """As an item of `tool_calls` in OpenAI's interface."""
        function = {"name": self.name, "arguments": self.arguments}
        return {"id": self.id, "type": "function", "function": function}


@dataclass(frozen=True)
class Message:
    """An assistant's answer in parts. It may go back into `messages` as it is.

    Attributes
    ----------
    content : str
    reasoning : str
        What the model thought before it answered; "" where there is none.
    tool_calls : tuple of ToolCall
    malformed : tuple of str
        Why text that began like a call of a tool is none. Such text stays in `content`.

    Examples
    --------
    >>> Message("Hi").to_dict()
    {'role': 'assistant', 'content': 'Hi'}
    """

    content: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    malformed: tuple[str, ...] = ()
    role: str = "assistant"

    def to_dict(self) -> dict[str, Any]:
        """As a message of OpenAI's interface, `reasoning_content` where there is some."""
        message: dict[str, Any] = {"role": self.role, "content": self.content}
        if self.reasoning:
            message["reasoning_content"] = self.reasoning
        if self.tool_calls:
            message["content"] = self.content or None
            message["tool_calls"] = [call.to_dict() for call in self.tool_calls]
        return message


@dataclass(frozen=True)
class Delta:
    """What a piece of text adds to a `Message`; one of the fields is set.

    A call comes whole, when its end is seen: until then it may turn out to be none.

    Attributes
    ----------
    content, reasoning : str
    tool_call : ToolCall or None
    index : int
        Which call of the message it is, from 0.
    malformed : str
        As an item of `Message.malformed`.
    """

    content: str = ""
    reasoning: str = ""
    tool_call: ToolCall | None = None
    index: int = 0
    malformed: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As the `delta` of a chunk in OpenAI's interface."""
        delta: dict[str, Any] = {}
        if self.content:
            delta["content"] = self.content
        if self.reasoning:
            delta["reasoning_content"] = self.reasoning
        if self.tool_call is not None:
            delta["tool_calls"] = [{"index": self.index, **self.tool_call.to_dict()}]
        return delta
