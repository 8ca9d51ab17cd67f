"""HTML: headings, paragraphs, lists, code, tables and quotes of a page, with their lines.

Left out are scripts, styles, navigation, and what is no text. An outermost list, table or quote is
one block. Lines end where they do in the file, and at `<br>`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from abi.documents._document import Block, Blocks, Document, Line, block, first_heading
from abi.documents._encoding import declared, text_of
from abi.documents._html_tokens import Token, attributes, tokens, unescape

__all__ = ["Page", "blocks_of", "page_of", "read_html"]

_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_LISTS = frozenset({"ul", "ol", "menu", "dl"})
_SKIPPED = frozenset(
    str.split(
        "script style template noscript nav svg select button canvas audio video object iframe "
        "xmp noembed noframes datalist"
    )
)
_NESTING = frozenset(
    str.split(
        "address article aside blockquote body details dialog div fieldset figure footer form "
        "header hgroup main pre section table center html"
    )
)
_ENDING = frozenset(  # that end what is before them, but hold no state
    str.split(
        "p li td th tr dt dd hr caption figcaption legend summary option tbody thead tfoot head"
    )
)
_OPENED = _NESTING | _SKIPPED | _LISTS | _HEADINGS.keys()
_DEEPEST_INDENT = 10


class Page(NamedTuple):
    """What a page of HTML holds."""

    title: str | None
    blocks: Blocks
    meta: dict[str, Any]


def read_html(data: bytes, name: str) -> Document:
    """Blocks with their lines; the title is the page's, else the first heading."""
    text, encoding = text_of(data, name, declared(data))
    page = page_of(text)
    title = page.title or first_heading(page.blocks)
    return Document(title, page.blocks, {**page.meta, "format": "html", "encoding": encoding})


def blocks_of(text: str, line: int = 1) -> list[Block]:
    """The blocks of HTML that begins at a line."""
    return page_of(text, line).blocks


def page_of(text: str, line: int = 1) -> Page:
    """The title, blocks and metadata of HTML that begins at a line."""
    return _Builder(text, line).run()


class _Builder:
    def __init__(self, text: str, line: int) -> None:
        self.text, self.line, self.at = text, line, 0
        self.title: str | None = None
        self.meta: dict[str, Any] = {}
        self.blocks = Blocks()
        self.open: list[str] = []
        self.count: dict[str, int] = dict.fromkeys(_OPENED, 0)
        self.skip = 0  # how many were open with the first that is left out
        self.lines: list[tuple[int, list[str]]] = []  # of the text that is being read
        self.group: list[Line] = []  # of the list, table or quote that is being read
        self.cells: list[list[str]] = []
        self.row = 0  # where the cells of a row began
        self.numbers: list[int] = []  # of the items of each open list; -1 has no numbers
        self.item = "  "  # what marks the item that begins

    def run(self) -> Page:
        in_title = False
        for token in tokens(self.text):
            self.line += self.text.count("\n", self.at, token.at)
            self.at = token.at
            if token.kind in ("text", "raw"):
                if in_title:
                    self.title = self.title or " ".join(unescape(token.text).split()) or None
                elif not self.skip:
                    self.put(token.text, token.kind == "text")
            elif token.text == "title" and not self.skip:
                in_title = token.kind == "start"
            elif token.kind == "end":
                self.end(token.text)
            else:
                self.start(token)
        self.flush()
        self.emit()
        return Page(self.title, self.blocks, self.meta)

    # -- text ----------------------------------------------------------------------------------

    def put(self, text: str, escaped: bool) -> None:
        for i, part in enumerate(text.split("\n")):
            part = unescape(part) if escaped else part
            if i == 0 and self.lines:
                self.lines[-1][1].append(part)  # tags may divide a word into many
            else:
                self.lines.append((self.line + i, [part]))

    def flush(self) -> None:
        """End the text that is being read, and put it where it belongs."""
        lines = [(number, "".join(parts)) for number, parts in self.lines]
        self.lines = []
        code = self.count["pre"] > 0
        lines = _code_lines(lines) if code else _collapsed(lines)
        if not lines:
            return
        if level := next((n for name, n in _HEADINGS.items() if self.count[name]), 0):
            self.emit()
            self.blocks.add(block(lines, "heading", level))
        elif self.count["table"]:
            self.row = self.row or lines[0][0]
            if not self.cells:
                self.cells.append([])
            self.cells[-1] += [text.strip() for _, text in lines]
        elif self.numbers:
            self.group += self.item_lines(lines)
        elif self.count["blockquote"]:
            self.group += lines
        else:
            self.blocks.add(block(lines, "code" if code else "paragraph"))

    def item_lines(self, lines: list[Line]) -> list[Line]:
        indent = "  " * min(len(self.numbers) - 1, _DEEPEST_INDENT)
        marker, self.item = self.item, "  "
        (number, first), *others = lines
        rest = [(number, f"{indent}  {text}") for number, text in others]
        return [(number, indent + marker + first), *rest]

    def end_row(self) -> None:
        cells, self.cells = self.cells, []
        if cells:
            row = " | ".join(" ".join(parts) for parts in cells)
            self.group.append((self.row, row if row.strip(" |") else ""))
        self.row = 0

    def emit(self) -> None:
        """End the list, table or quote that is being read."""
        self.end_row()
        group, self.group = self.group, []
        kind = "table" if self.count["table"] else "list" if self.numbers else "quote"
        self.blocks.add(block(group, kind))

    # -- tags ----------------------------------------------------------------------------------

    def start(self, token: Token) -> None:
        name = token.text
        if name in _OPENED or name in _ENDING:
            if not self.skip:
                self.flush()
                self.begin(name)
            if name in _OPENED and token.kind == "start":
                self.push(name)
        if self.skip:
            return
        if name == "br":
            self.lines.append((self.line + token.attributes.count("\n"), []))
        elif name == "img" and (alt := attributes(token.attributes).get("alt", "").strip()):
            self.put(" ".join(alt.split()), False)
        elif name in ("html", "meta"):
            self.about(attributes(token.attributes))

    def begin(self, name: str) -> None:
        """What an element changes before it is open."""
        if name in _HEADINGS and (level := next((h for h in _HEADINGS if self.count[h]), None)):
            self.end(level)
        elif name == "tr":
            self.end_row()
        elif name in ("td", "th") and self.count["table"] == 1:
            self.cells.append([])
        elif self.is_outer(name):
            self.emit()
        elif name == "li" and self.numbers:
            if self.numbers[-1] >= 0:
                self.numbers[-1] += 1
            self.item = f"{self.numbers[-1]}. " if self.numbers[-1] > 0 else "- "
        elif name == "dt":
            self.item = ""

    def is_outer(self, name: str) -> bool:
        """Whether a table or quote is in no other, and so begins a block."""
        if name == "blockquote":
            return not (self.numbers or self.count["blockquote"])
        return name == "table" and not self.count["table"]

    def push(self, name: str) -> None:
        if name in _LISTS and not self.skip:
            if not (self.numbers or self.count["table"]):
                self.emit()
            self.numbers.append(0 if name == "ol" else -1)
        self.open.append(name)
        self.count[name] += 1
        if name in _SKIPPED and not self.skip:
            self.skip = len(self.open)

    def end(self, name: str) -> None:
        if name in _ENDING and not self.skip:
            self.flush()
            if name in ("tr", "caption"):
                self.end_row()
        if not self.count.get(name):
            return
        while True:
            if not self.skip:
                self.flush()
            last = self.open[-1]
            if not self.skip and self.outermost(last):
                self.emit()
            self.open.pop()
            self.count[last] -= 1
            if last in _LISTS and not self.skip:
                self.numbers.pop()
            if len(self.open) < self.skip:
                self.skip = 0
            if last == name:
                return

    def outermost(self, name: str) -> bool:
        """Whether an element holds a whole list, table or quote."""
        if name in _LISTS:
            return len(self.numbers) == 1 and not self.count["table"]
        if name == "blockquote":
            return self.count[name] == 1 and not (self.numbers or self.count["table"])
        return name == "table" and self.count[name] == 1

    def about(self, found: dict[str, str]) -> None:
        """What the page says about itself."""
        if language := found.get("lang"):
            self.meta.setdefault("language", language[:35])
        if (name := found.get("name", "").lower()) in ("author", "description", "keywords"):
            self.meta.setdefault(name, " ".join(found.get("content", "").split())[:1000])


def _collapsed(lines: list[Line]) -> list[Line]:
    """Lines of ordinary text: spaces are one, and empty lines none."""
    found = ((number, " ".join(text.split())) for number, text in lines)
    return [line for line in found if line[1]]


def _code_lines(lines: list[Line]) -> list[Line]:
    out: list[Line] = []
    for number, text in lines:
        out += [(number, part.expandtabs(4)) for part in text.split("\n")]
    return out if any(text.strip() for _, text in out) else []
