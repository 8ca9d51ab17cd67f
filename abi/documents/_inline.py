"""Inline Markdown reduced to its text: links keep their text, images their description.

After CommonMark's rules for escapes, code spans, autolinks, links and emphasis, with strikethrough.
A pass from left to right: every opener is remembered where its marker stands in the output, and
emptied when its closer comes, so the time is linear. As many lines come out as go in.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_left
from collections.abc import Callable, Collection
from typing import NamedTuple

__all__ = ["label_of", "plain"]

_SPECIAL = re.compile(r"[\\`<\[\]!*_~&]")
_TICKS = re.compile("`+")
_AUTOLINK = re.compile(r"<([A-Za-z][A-Za-z0-9+.-]{1,31}:[^\s<>]*|[\w.+-]{1,64}@[\w.-]{1,255})>")
_TAG = re.compile(r"</?[A-Za-z][A-Za-z0-9-]*(?:[\s/][^<>]*)?>|<![A-Za-z][^<>]*>|<\?[^<>]*\?>")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_TITLE = r"""(?:"[^"]{0,999}"|'[^']{0,999}'|\([^()]{0,999}\))"""
_TARGET = re.compile(
    rf"\(\s{{0,9}}(?:<[^<>\n]{{0,2000}}>|[^\s()<]{{0,2000}}(?:\([^\s()]{{0,999}}\)[^\s()]{{0,999}})"
    rf"{{0,4}})(?:\s{{1,9}}{_TITLE})?\s{{0,9}}\)"
)
_LABEL = re.compile(r"\[([^\[\]]{0,999})\]")
_RUN = {mark: re.compile(re.escape(mark) + "+") for mark in "*_~"}
_PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")


class _Opener(NamedTuple):
    """A run of marks that a later run may close."""

    place: int  # in the output
    left: int  # marks of it that nothing closed yet
    size: int
    closes: bool  # whether it could close as well


def label_of(text: str) -> str:
    """A link's label in the form that labels are compared in."""
    return " ".join(text.split()).casefold()


def plain(text: str, labels: Collection[str] = ()) -> str:
    """The text of inline Markdown.

    Parameters
    ----------
    text : str
        A paragraph or the like, with its lines.
    labels : collection of str
        What links may refer to by name, as `label_of` gives them.
    """
    return _Inline(text, labels).run() if _SPECIAL.search(text) else text


class _Inline:
    def __init__(self, text: str, labels: Collection[str]) -> None:
        self.text, self.labels = text, labels
        self.out: list[str] = []
        self.brackets: list[int] = []  # where they stand in the output
        self.openers: dict[str, list[_Opener]] = {"*": [], "_": [], "~": []}
        self.ticks: dict[int, list[int]] | None = None
        self.comments = True  # whether one may still be closed

    def run(self) -> str:
        text, at = self.text, 0
        while found := _SPECIAL.search(text, at):
            self.out.append(text[at : found.start()])
            at = _HANDLERS[found.group()](self, found.start())
        self.out.append(text[at:])
        return "".join(self.out)

    def put(self, text: str, end: int) -> int:
        self.out.append(text)
        return end

    def skip(self, start: int, end: int) -> int:
        """Leave out markup, but for its line ends."""
        return self.put("\n" * self.text.count("\n", start, end), end)

    def escape(self, at: int) -> int:
        following = self.text[at + 1 : at + 2]
        if following in _PUNCTUATION and following:
            return self.put(following, at + 2)
        return self.put("" if following == "\n" else "\\", at + 1)

    def code(self, at: int) -> int:
        found = _TICKS.match(self.text, at)
        assert found
        size, start = found.end() - at, found.end()
        close = self.closing_ticks(size, start)
        if close is None:
            return self.put(found.group(), start)
        inner = self.text[start:close]
        if len(inner) > 2 and inner[0] == inner[-1] == " " and inner.strip():
            inner = inner[1:-1]
        return self.put(inner, close + size)

    def closing_ticks(self, size: int, start: int) -> int | None:
        if self.ticks is None:
            self.ticks = {}
            for run in _TICKS.finditer(self.text):
                self.ticks.setdefault(run.end() - run.start(), []).append(run.start())
        places = self.ticks.get(size, [])
        i = bisect_left(places, start)
        return places[i] if i < len(places) else None

    def angle(self, at: int) -> int:
        if found := _AUTOLINK.match(self.text, at):
            return self.put(found[1], found.end())
        if self.comments and self.text.startswith("<!--", at):
            end = self.text.find("-->", at + 4)
            if end >= 0:
                return self.skip(at, end + 3)
            self.comments = False
        if found := _TAG.match(self.text, at):
            if found.group()[1:3].lower() == "br":
                self.out.append(" ")
            return self.skip(at, found.end())
        return self.put("<", at + 1)

    def bracket(self, at: int) -> int:
        image = self.text[at] == "!"
        if image and not self.text.startswith("[", at + 1):
            return self.put("!", at + 1)
        self.brackets.append(len(self.out))
        return self.put("![" if image else "[", at + 1 + image)

    def close_bracket(self, at: int) -> int:
        if not self.brackets:
            return self.put("]", at + 1)
        place = self.brackets.pop()
        end = self.end_of_link(place, at + 1)
        if end is None:
            return self.put("]", at + 1)
        self.out[place] = ""
        return self.skip(at + 1, end)

    def end_of_link(self, place: int, at: int) -> int | None:
        """Where the link ends whose text ends before `at`; None if it is none."""
        if found := _TARGET.match(self.text, at):
            return found.end()
        if not self.labels:
            return None
        if (found := _LABEL.match(self.text, at)) and found[1].strip():
            return found.end() if label_of(found[1]) in self.labels else None
        if len(self.out) - place > 99:
            return None
        name = label_of("".join(self.out[place + 1 :]))
        return (found.end() if found else at) if name in self.labels else None

    def entity(self, at: int) -> int:
        found = _ENTITY.match(self.text, at)
        if not found:
            return self.put("&", at + 1)
        return self.put(html.unescape(found.group()).replace("\n", " "), found.end())

    def emphasis(self, at: int) -> int:
        mark = self.text[at]
        run = _RUN[mark].match(self.text, at)
        assert run
        opens, closes = self.flanks(mark, at, run.end())
        left = size = run.end() - at
        if mark == "~" and size > 2:
            opens = closes = False
        while closes and left and (taken := self.close(mark, left, size, opens)):
            left -= taken
        if opens and left:
            self.openers[mark].append(_Opener(len(self.out), left, size, closes))
        return self.put(mark * left, run.end())

    def close(self, mark: str, left: int, size: int, opens: bool) -> int:
        """Close the last opener of a mark by some of a run's marks; how many were used."""
        stack = self.openers[mark]
        if not stack:
            return 0
        opener = stack.pop()
        odd = (opener.closes or opens) and (opener.size + size) % 3 == 0
        if (odd and opener.size % 3) or (mark == "~" and opener.left != left):
            stack.append(opener)
            return 0
        taken = min(2, left, opener.left)
        self.out[opener.place] = mark * (opener.left - taken)
        for other in self.openers.values():
            while other and other[-1].place > opener.place:
                other.pop()
        if opener.left > taken:
            stack.append(opener._replace(left=opener.left - taken))
        return taken

    def flanks(self, mark: str, start: int, end: int) -> tuple[bool, bool]:
        """Whether a run of marks can open, and close, by what stands around it."""
        before = self.text[start - 1 : start] if start else " "
        after = self.text[end : end + 1] or " "
        marks = (_is_punctuation(before), _is_punctuation(after))
        left = not after.isspace() and (not marks[1] or before.isspace() or marks[0])
        right = not before.isspace() and (not marks[0] or after.isspace() or marks[1])
        if mark != "_":
            return left, right
        return left and (not right or marks[0]), right and (not left or marks[1])


def _is_punctuation(char: str) -> bool:
    return char in _PUNCTUATION or (
        not char.isascii() and not char.isalnum() and char.isprintable()
    )


_HANDLERS: dict[str, Callable[[_Inline, int], int]] = {
    "\\": _Inline.escape,
    "`": _Inline.code,
    "<": _Inline.angle,
    "[": _Inline.bracket,
    "!": _Inline.bracket,
    "]": _Inline.close_bracket,
    "&": _Inline.entity,
    **dict.fromkeys("*_~", _Inline.emphasis),
}
