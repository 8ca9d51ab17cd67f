"""Reference conversations, rendered by every template that llama.cpp keeps."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.oracle import vocabs

__all__ = ["CASES", "Clock", "digest", "fetch", "templates"]

_TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "description": 'The weather, in °C <&> "quoted".',
            "parameters": {
                "type": "object",
                "properties": {
                    "town": {"type": "string", "description": "Where."},
                    "days": {"type": "integer", "description": "How long."},
                },
                "required": ["town"],
            },
        },
    },
    {
        "type": "function",
        "function": {
            "name": "add",
            "description": "Adds.",
            "parameters": {
                "type": "object",
                "properties": {
                    "terms": {
                        "type": "array",
                        "description": "What to add.",
                        "items": {"type": "number", "enum": [1, 2.5]},
                    }
                },
                "required": [],
            },
        },
    },
]
_SYSTEM = {"role": "system", "content": "You are kind."}
_HI = {"role": "user", "content": "Hi there"}
_PARTS = {
    "role": "user",
    "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "2"}],
}
_HELLO = {"role": "assistant", "content": "Hello!"}
_THOUGHT = {"role": "assistant", "content": "Hello!", "reasoning_content": "A greeting."}
_MORE = {"role": "user", "content": " And ünïcode? "}
_RESULT = {"role": "tool", "name": "weather", "tool_call_id": "call00001", "content": '{"t": 3}'}
_OBJECT = {"town": "Oslo", "days": 3}
_TEXT = '{"town": "Oslo", "days": 3}'


def _calls(arguments: Any, n: int = 1, **message: Any) -> dict[str, Any]:
    calls = [
        {
            "id": f"call0000{i + 1}",
            "type": "function",
            "function": {"name": "weather", "arguments": arguments},
        }
        for i in range(n)
    ]
    return {"role": "assistant", **message, "tool_calls": calls}


_TALKS: list[tuple[list[dict[str, Any]], bool]] = [
    ([_HI], False),
    ([_SYSTEM, _HI], False),
    ([_SYSTEM, _HI, _HELLO, _MORE], False),
    ([_HI, _THOUGHT, _MORE], False),
    ([_PARTS], False),
    ([_HI], True),
    ([_SYSTEM, _HI, _HELLO, _MORE], True),
    ([_HI, _calls(_OBJECT, content="", reasoning_content="Look.")], True),
    ([_HI, _calls(_OBJECT, content=None), _RESULT], True),
    ([_HI, _calls(_OBJECT, 2), _RESULT, {**_RESULT, "tool_call_id": "call00002"}], True),
    ([_HI, _calls(_TEXT, content="I look."), _RESULT, _HELLO, _MORE], True),
    ([_HI, _calls(_OBJECT, content="I look."), _RESULT, _THOUGHT, _MORE], True),
]

# Keywords of `render_chat` beside the template.
CASES: list[dict[str, Any]] = [
    {
        "messages": messages,
        "tools": _TOOLS if tools else None,
        "add_generation_prompt": prompt,
        "bos_token": "<BOS>",
        "eos_token": "<EOS>",
        **more,
    }
    for messages, tools in _TALKS
    for prompt, more in ((True, {}), (False, {}), (True, {"enable_thinking": False}))
]


class Clock(datetime):
    """A day that stays, for `strftime_now`."""

    @classmethod
    def now(cls, tz: Any = None) -> Clock:
        return cls(2026, 2, 3, 4, 5, 6)


def digest(text: str) -> str:
    """Twelve hexadecimal digits of its SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def fetch() -> Path:
    """The folder with llama.cpp's `models/templates`, fetched from PyPI if it is not there yet.

    Raises
    ------
    OSError
        If it cannot be fetched; the message holds pip's last line.
    """
    folder = vocabs.cache_folder() / f"templates-{vocabs.LLAMA_CPP_PYTHON}"
    if folder.is_dir():
        return folder
    with tempfile.TemporaryDirectory() as scratch:
        vocabs._download(scratch)
        (archive,) = Path(scratch).glob("llama_cpp_python-*.tar.gz")
        part = folder.with_name(f"{folder.name}.{os.getpid()}")
        part.mkdir(parents=True)
        with tarfile.open(archive) as tar:
            for member in tar:
                source = tar.extractfile(member) if member.name.endswith(".jinja") else None
                if source is not None and "/models/templates/" in member.name:
                    (part / member.name.rpartition("/")[2]).write_bytes(source.read())
        try:
            part.replace(folder)
        except OSError:
            if not folder.is_dir():
                raise
            shutil.rmtree(part)  # another process was first
    return folder


def templates(folder: Path) -> Iterator[tuple[str, str]]:
    """Name and source of each."""
    for path in sorted(folder.glob("*.jinja")):
        yield path.stem, path.read_text(encoding="utf-8")
