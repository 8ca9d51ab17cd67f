"""A library of documents, natively and in Pyodide, so that the results can be compared."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
from pathlib import Path
from typing import Any

import abi
from abi.cli import main
from abi.convert import convert
from abi.documents import read
from abi.embedding import StaticEmbedding
from abi.errors import MissingExtraError
from abi.rag import Library, Passage, quotes
from tests.documents.files import epub

__all__ = ["converted", "demo", "documents", "embedded", "refused"]

MODES = ("hybrid", "text", "vector")
QUESTIONS = ("How often is the kettle descaled?", "lanterns in the lighthouse", "what is a gale")
TEXTS = ["a kettle", "Descale it with vinegar, once a month.", "", "Ünïcode 日本", "word " * 3000]
OLD = 1_600_000_000  # seconds since 1970: files that are told by their time

PAPERS: dict[str, str | bytes] = {
    "kettle.md": "---\ntitle: The kettle\n---\n# Care\n\nDescale the kettle with vinegar once a "
    "month. Rinse it twice.\n\n## Parts\n\n- a lid\n- a *whistle* that sounds when water boils\n",
    "lamp.html": "<title>Lamps</title><h1>Lanterns</h1><p>The keeper lights the lanterns of the "
    "lighthouse at dusk &amp; trims their wicks.<script>x</script><ul><li>oil<li>wicks</ul>",
    "storm.rst": "Storms\n======\n\nA gale is a wind of 34 knots or more.\n\n* A *storm* has 48 "
    "knots.\n* A hurricane has 64.\n",
    "code/boil.py": '"""Boils water."""\n\n\ndef boil(litres: float) -> float:\n    """Minutes '
    'until a kettle of some litres boils."""\n    return 3 * litres\n',
    "prices.csv": "thing,price\nkettle,30\nlantern,45\n",
    "book.epub": epub(OPS_a__xhtml="<html><h1>One</h1><p>The harbour sleeps in winter.</p></html>"),
    "long.md": "# Log\n\n" + "\n\n".join(
        f"On day {i} the wind was {i % 9} and the ship made {7 * i % 90} miles." for i in range(99)
    ),
    "broken.json": '{"a": [1, 2',
    "notes.txt": b"caf\xe9 in the harbour, open all winter",
}  # fmt: skip


def documents(place: str) -> dict[str, Any]:
    """What a library at a place finds, while its files change, and after it was closed."""
    papers = Path(place, "papers")
    for name, data in PAPERS.items():
        _write(papers / name, data)
    os.utime(papers / "long.md", (OLD, OLD))
    runs: list[Any] = []
    found: list[Any] = []
    with abi.open(f"{place}/db") as db:
        library = Library(db, StaticEmbedding.default())
        runs += [_run(library, papers), _run(library, papers)]
        found.append(_asked(library))
        _write(papers / "storm.rst", "Storms\n======\n\nA gale is now a wind of 35 knots.\n")
        (papers / "prices.csv").unlink()
        runs.append(_run(library, papers))
        found.append(_asked(library))
        runs.append(library.remove(papers / "lamp.html"))
        db.checkpoint()  # dead rows count for BM25 until then
        found.append(_asked(library))
    with abi.open(f"{place}/db") as db:
        locked = _is_locked(f"{place}/db")
        library = Library(db, StaticEmbedding.default())
        same = found[-1] == _asked(library)
        trees, problems = library.trees(), db.check()
        runs.append(_run(library, papers))
        found.append(_asked(library))
    return {
        "locked": [locked, _is_locked(f"{place}/db")],
        "runs": runs, "found": found, "same": same, "trees": trees, "problems": problems,
        "exported": _exported(place) == found[-1], "memory": _in_memory(papers) == found[-1],
    }  # fmt: skip


def embedded() -> list[list[float]]:
    """Vectors of texts by the table that ships."""
    vectors: list[list[float]] = StaticEmbedding.default().embed(TEXTS).tolist()
    return vectors


def converted(folder: str, place: str) -> dict[str, Any]:
    """A model of a Hugging Face folder: the hashes of its files, and vectors by it."""
    hashes = {}
    for kind in ("F32", "q8_0"):
        path = Path(place, f"{kind}.gguf")
        convert(folder, path, kind)
        hashes[kind] = hashlib.sha256(path.read_bytes()).hexdigest()
    vectors = abi.load(Path(place, "F32.gguf"), kernels="numpy").embed(
        ["the harbour", "wake!"], pooling="mean"
    )
    return {"hashes": hashes, "vectors": vectors.tolist()}


def demo() -> dict[str, Any]:
    """What `abi demo` says of the pages that ship."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main(["demo", "--json"]) == 0
    said: dict[str, Any] = json.loads(out.getvalue())
    for answer in said["answers"]:
        answer["passages"] = [p["place"].rpartition("/")[2] for p in answer["passages"]]
        for quote in answer["quotes"]:
            quote["place"] = quote["place"].rpartition("/")[2]
        del answer["seconds"]
    del said["seconds"]
    return said


def refused() -> list[str]:
    """What is nested more deeply than can be read is told, and does not end Python."""
    n = 20_000
    texts = {"a.json": "[" * n, "b.json": '{"a":' * n, "c.jsonl": "[" * n, "d.ipynb": "[" * n}
    texts |= {"e.py": "x = 1" + " + 1" * n, "f.py": f"x = {'-' * n}1", "g.py": "x" + "(0)" * n}
    texts["h.py"] = "if a: pass\n" + "elif b: pass\n" * n
    return [_outcome(name, text) for name, text in texts.items()]


def _outcome(name: str, text: str) -> str:
    try:
        read(text.encode(), name)
    except abi.AbiError as error:
        return type(error).__name__
    return "read"


def without_pypdf(pdf: bytes) -> str:
    """How a PDF is refused where its reader is not there."""
    try:
        read(pdf, "a.pdf")
    except MissingExtraError as error:
        return str(error)
    return ""


def _write(path: Path, data: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)


def _is_locked(path: str) -> bool:
    try:
        abi.open(path).close()
    except abi.LockedError:
        return True
    return False


def _run(library: Library, tree: Path) -> list[Any]:
    added = library.add(tree)
    counts = [added.new, added.changed, added.unchanged, added.removed, added.chunks]
    return [*counts, added.skipped]


def _asked(library: Library) -> list[Any]:
    """Passages and their scores in each mode, and quotes with what they cite."""
    found: list[Any] = []
    for question in QUESTIONS:
        found += [_shown(library.search(question, 5, mode=mode)) for mode in MODES]
        answer = quotes(question, library.search(question, 8), library.embedder)
        cited = [[q.text, answer.passages[q.source - 1].id, q.score] for q in answer.quotes]
        found += [cited, [passage.place for passage in answer.passages]]
    return found


def _shown(passages: list[Passage]) -> list[Any]:
    return [[p.id, p.score, p.text, p.title, list(p.headings), p.line] for p in passages]


def _exported(place: str) -> list[Any]:
    """The same from a backup that went through a zip file, as a page keeps a database."""
    abi.backup(f"{place}/db", f"{place}/backup")
    shutil.make_archive(f"{place}/kept", "zip", f"{place}/backup")
    shutil.rmtree(f"{place}/db")
    shutil.unpack_archive(f"{place}/kept.zip", f"{place}/db")
    with abi.open(f"{place}/db", "r") as db:
        return _asked(Library(db, StaticEmbedding.default()))


def _in_memory(papers: Path) -> list[Any]:
    with abi.open(":memory:") as db:
        library = Library(db, StaticEmbedding.default())
        library.add(papers)
        return _asked(library)
