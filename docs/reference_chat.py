"""The page of chat formats, out of the table of families: for make_reference.py."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["formats_page"]

_INTRO = """\
# Chat formats

How a model's text comes apart into reasoning, content and calls of tools depends on its family. A
family is found by marks in the source of the chat template, in this order; one that shows none of
them is `generic`. [How to chat](../how-to/chat.md) has the rest.
"""


def formats_page(made: str) -> list[str]:
    """Lines of the page."""
    from abi.chat._families import FAMILIES, REASONING, family_of

    return [
        _INTRO,
        made,
        "",
        "## Calls of tools",
        "",
        "| family | marks in the template | what the model writes |",
        "|---|---|---|",
        *(_row(row.name, row.marks, list(_written(row))) for row in FAMILIES),
        _row("generic", (), list(_written(family_of("")))),
        "",
        "## Reasoning",
        "",
        "| mark in the template | what the model writes |",
        "|---|---|",
        *(
            f"| {_code(mark)} | {_code(row.open)} ... {_code(row.close)} |"
            for mark, row in REASONING
        ),
        "",
    ]


def _row(name: str, marks: tuple[str, ...], written: list[str]) -> str:
    shown = " ".join(map(_code, marks)) or "none of these"
    return f"| {name} | {shown} | {'; '.join(written)} |"


def _written(row: object) -> Iterator[str]:
    from abi.chat import Family

    assert isinstance(row, Family)
    for calls in row.calls:
        yield f"{_code(calls.open)} ... {_code(calls.close)}" if calls.close else _code(calls.open)
    if row.bare is not None:
        yield "nothing but calls of known tools"
    if row.headers is not None:
        starts = " or ".join(map(_code, row.headers.starts))
        yield f"messages: {starts}, a header, {_code(row.headers.end)}, text"


def _code(text: str) -> str:
    shown = text.replace("\n", "\\n").replace("|", "\\|")
    fence = "``" if "`" in shown else "`"
    pad = " " if "`" in shown else ""
    return f"{fence}{pad}{shown}{pad}{fence}"
