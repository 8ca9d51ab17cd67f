"""Inline reStructuredText reduced to its text: roles, links, literals, emphasis, substitutions."""

from __future__ import annotations

import re

__all__ = ["plain"]

_BEFORE = r"""(?:(?<=^)|(?<=[\s'"(\[{<\-/:–—‘“]))"""
_AFTER = r"""(?=$|[\s'")\]}>\-/\\.,:;!?–—’”])"""
_MARKUP = re.compile(
    rf"\\(?P<escaped>.)|{_BEFORE}(?:"
    rf"``(?P<literal>(?:[^`]|`(?!`)){{1,9999}})``{_AFTER}"
    rf"|(?::[\w:.+-]{{1,99}}:)?`(?P<text>(?:[^`\\]|\\.){{1,9999}})`(?::[\w:.+-]{{1,99}}:|__?)?{_AFTER}"
    rf"|\*\*(?P<strong>(?=\S)[^*]{{0,9998}}\S)\*\*{_AFTER}"
    rf"|\*(?P<emphasis>(?=[^\s*])[^*]{{0,9998}}[^\s*])\*{_AFTER}|\*(?P<letter>[^\s*])\*{_AFTER}"
    rf"|\|(?P<named>(?=[^\s|])[^|]{{0,998}}[^\s|])\|_{{0,2}}{_AFTER}"
    rf"|(?P<note>\[[#*\w.-]{{1,99}}\])_{_AFTER}"
    rf"|(?P<reference>[A-Za-z0-9][\w.+-]{{0,199}}?)__?{_AFTER})",
    re.S | re.M,
)


def plain(text: str) -> str:
    """The text of inline markup; as many lines as there were.

    Examples
    --------
    >>> plain("See :ref:`the guide <guide>`, ``x_`` and *this* `page <http://a.b>`_.")
    'See the guide, x_ and this page.'
    """
    if not any(mark in text for mark in "`*|_\\"):
        return text
    return _MARKUP.sub(_text_of, text)


def _text_of(match: re.Match[str]) -> str:
    kind = match.lastgroup
    assert kind
    inner = match[kind]
    if kind == "escaped":
        return "" if inner == " " else inner
    if kind == "text":
        inner = _without_target(inner)
    return inner + "\n" * (match.group().count("\n") - inner.count("\n"))


def _without_target(text: str) -> str:
    """`text <target>` is its text; `<target>` alone, and `~package.name`, are their targets."""
    if text.endswith(">") and "<" in text:
        bare = text[: text.rindex("<")].rstrip()
        return bare if bare.strip() else text[text.rindex("<") + 1 : -1]
    return text.removeprefix("~").removeprefix("!")
