"""The documentation against the code: reference pages, links, and blocks that run.

A fence ```` ```python ```` is executed, a page at a time and in order, in one namespace and an
empty folder; `file=NAME` in its info string writes it there as a module instead, and `no-run`
leaves it alone. A fence ```` ```output ```` is what the block before it prints.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from abi import kernels
from abi.cli._main import VERBS, make_parser
from abi.kernels import _select

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
MADE_BY = {"tiny_model", "static_embedding"}  # folders of scripts, not pages
PAGES = sorted(p for p in DOCS.rglob("*.md") if not MADE_BY & set(p.parts))

_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<body>.*?)^```$", re.M | re.S)
_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_READS = re.compile(r"""(?:environ(?:\.\w+)?|getenv)\s*[\[(]\s*["'](\w+)""")


class Block(NamedTuple):
    """A fence of a page: its info string, its text and the line it begins on."""

    info: list[str]
    text: str
    line: int


def _blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(m["info"].split(), m["body"], text.count("\n", 0, m.start("body")))
        for m in _FENCE.finditer(text)
    ]


def _runs(block: Block) -> bool:
    return block.info[:1] == ["python"] and "no-run" not in block.info


RUNNABLE = [page for page in PAGES if any(map(_runs, _blocks(page)))]


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(DOCS))
    return importlib.import_module("make_reference")


@pytest.mark.parametrize("page", ["api.md", "chat-formats.md", "cli.md", "errors.md"])
def test_the_reference_is_up_to_date(reference: Any, page: str) -> None:
    path = DOCS / "reference" / page
    stale = f"{_name(path)} is stale; run python docs/make_reference.py"
    assert path.read_text(encoding="utf-8") == reference.pages()[path], stale


def test_every_environment_variable_is_documented() -> None:
    page = (DOCS / "reference" / "api.md").read_text(encoding="utf-8")
    sources = [*(ROOT / "abi").rglob("*.py"), *(ROOT / "accel").rglob("*.py")]
    read = {name for path in sources for name in _READS.findall(path.read_text(encoding="utf-8"))}
    assert "ABI_KERNELS" in read
    assert sorted(name for name in read if f"\n| `{name}` |" not in page) == []


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_and_its_options_are_documented(verb: str) -> None:
    page = (DOCS / "reference" / "cli.md").read_text(encoding="utf-8")
    section = page.partition(f"\n## abi {verb}\n")[2].partition("\n## ")[0]
    (verbs,) = (a.choices for a in make_parser()._actions if isinstance(a.choices, dict))
    options = [s for action in verbs[verb]._actions for s in action.option_strings]
    assert "--help" in options
    assert [s for s in options if f"`{s}`" not in section and f"`{s} " not in section] == []


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=_name)
def test_every_relative_link_resolves(page: Path) -> None:
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    text = re.sub(r"(`+).+?\1", "code", text)  # link text may be code, code holds no links
    targets = [m["target"] for m in _LINK.finditer(text)]
    local = [t for t in targets if not re.match(r"[a-z]+:", t)]
    assert [t for t in local if not _resolves(page, t)] == []


def _resolves(page: Path, target: str) -> bool:
    path, _, anchor = target.partition("#")
    found = (page.parent / path).resolve() if path else page
    if not found.exists() or not anchor:
        return found.exists()
    return anchor in _anchors(found)


def _anchors(page: Path) -> set[str]:
    """Headings as GitHub names them."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    titles = re.findall(r"^#+ (.*)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", [p for p in PAGES if p.parent.name != "reference"], ids=_name)
def test_the_index_leads_to_every_page(page: Path) -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    assert page.name == "index.md" or f"({page.relative_to(DOCS).as_posix()})" in index


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to run in; modules and kernels that a page adds go again."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("ABI_KERNELS", "ABI_NATIVE_LIBRARY"):
        monkeypatch.delenv(name, raising=False)
    registry = dict(kernels.REGISTRY)
    yield tmp_path
    kernels.REGISTRY.clear()
    kernels.REGISTRY.update(registry)
    kernels.use(None)
    _select._instance.cache_clear()
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.mark.parametrize("page", RUNNABLE, ids=_name)
def test_the_blocks_of_the_page_run(page: Path, fresh: Path) -> None:
    namespace: dict[str, Any] = {"__name__": "docs_page"}
    printed = ""
    for block in _blocks(page):
        where = f"{_name(page)}:{block.line}"
        if block.info == ["output"]:
            assert printed.rstrip() == block.text.rstrip(), where
        elif _runs(block):
            printed = _execute(block, namespace, fresh, where)


def _execute(block: Block, namespace: dict[str, Any], folder: Path, where: str) -> str:
    names = [word.partition("=")[2] for word in block.info if word.startswith("file=")]
    if names:
        (folder / names[0]).write_text(block.text, encoding="utf-8")
        importlib.invalidate_caches()
        return ""
    out = io.StringIO()
    code = compile("\n" * block.line + block.text, where, "exec")
    with contextlib.redirect_stdout(out):
        exec(code, namespace)
    return out.getvalue()


def test_there_are_pages_with_blocks_that_run() -> None:
    assert len(RUNNABLE) > 5
