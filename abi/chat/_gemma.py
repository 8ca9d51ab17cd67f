"""The reader of calls in Gemma 4's own notation: JSON with other quotes and bare keys."""

from __future__ import annotations

from typing import Any

from abi.chat._scanner import Call, Scanner, Tools, typed

__all__ = ["read_gemma"]

_QUOTE = '<|"|>'
_MAX_DEPTH = 32


def read_gemma(text: str, tools: Tools) -> list[Call]:
    """`call:NAME{key:<|"|>text<|"|>,other:3}`."""
    scanner = Scanner(text)
    scanner.space()
    scanner.take("call:")
    name = scanner.until("{").strip()
    scanner.at -= 1
    arguments = _gemma(scanner, 0)
    if scanner.space() or not isinstance(arguments, dict):
        raise ValueError("something follows the arguments")
    return [Call(name, arguments)]


def _gemma(scanner: Scanner, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        raise ValueError("arguments nest too deep")
    scanner.space()
    if scanner.sees(_QUOTE):
        scanner.take(_QUOTE)
        return scanner.until(_QUOTE)
    if scanner.sees("{"):
        return dict(_gemma_items(scanner, depth, "}"))
    if scanner.sees("["):
        return [value for _, value in _gemma_items(scanner, depth, "]")]
    start = scanner.at
    while scanner.at < len(scanner.text) and scanner.text[scanner.at] not in ",]}":
        scanner.at += 1
    return typed(scanner.text[start : scanner.at], None)


def _gemma_items(scanner: Scanner, depth: int, close: str) -> list[tuple[str, Any]]:
    scanner.at += 1
    items: list[tuple[str, Any]] = []
    while scanner.space() and not scanner.sees(close):
        if items:
            scanner.take(",")
            scanner.space()
        key = ""
        if close == "}":
            key = scanner.until(":").strip().removeprefix(_QUOTE).removesuffix(_QUOTE)
        items.append((key, _gemma(scanner, depth + 1)))
    scanner.take(close)
    return items
