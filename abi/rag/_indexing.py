"""One run over a tree: what is new, what changed, what is gone."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abi.documents import VERSION as READERS
from abi.documents import Document, chunks, formats, read, read_bytes
from abi.embedding import StaticEmbedding
from abi.errors import AbiError, Cancelled, MissingExtraError
from abi.rag._passage import packed
from abi.rag._walk import TreeFile, walk
from abi.store import Collection

if TYPE_CHECKING:
    from abi.rag._embedder import Embedder

__all__ = ["Added", "Indexing", "tree_name"]

SIZE, OVERLAP = 256, 32  # tokens of a chunk, and of what it repeats of the one before
_TITLE, _HEADINGS = 200, 16  # characters of one, and how many, that each chunk has
_BATCH = 512  # chunks that are embedded and written together
_FRESH = 2_000_000_000  # nanoseconds within which a file may change again without another time


@dataclass
class Added:
    """What a run over a tree did.

    Attributes
    ----------
    new, changed, unchanged, removed : int
        Files.
    chunks : int
        That were written.
    skipped : list of (str, str)
        Names of what could not be read, and why.
    seconds : float
    """

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    chunks: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def files(self) -> int:
        """Those that were looked at."""
        return self.new + self.changed + self.unchanged + len(self.skipped)


@dataclass
class _Pending:
    """Points that are to be written, and ids of those that no new one takes the place of."""

    ids: list[str] = field(default_factory=list)
    texts: list[str | None] = field(default_factory=list)
    payloads: list[dict[str, Any]] = field(default_factory=list)
    embedded: list[str | None] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)

    def add(
        self, id_: str, payload: dict[str, Any], text: str | None, embedded: str | None
    ) -> None:
        self.ids.append(id_)
        self.texts.append(text)
        self.payloads.append(payload)
        self.embedded.append(embedded)


class Indexing:
    """A run over a tree.

    Parameters
    ----------
    collection : Collection
    embedder : Embedder
    root : Path
        The folder that the names of files are relative to.
    within : str
        A folder or a file of it, which alone is looked at; "" for all of it.
    progress, cancel : callable
        See `Library.add`.
    """

    def __init__(
        self,
        collection: Collection,
        embedder: Embedder,
        root: Path,
        within: str,
        progress: Callable[[int, int, str], None] | None,
        cancel: Callable[[], bool],
    ) -> None:
        self._collection, self._embedder = collection, embedder
        self._progress, self._cancel = progress, cancel
        self._root, self._within = root, within
        self._tree = tree_name(root)
        # A table takes texts of any length: its tokens need not be counted exactly.
        self._count = None if isinstance(embedder, StaticEmbedding) else embedder.count
        self._made = f"{READERS} {SIZE} {OVERLAP} {embedder.name}"
        self._pending = _Pending()
        self._added = Added()

    def run(self) -> Added:
        """Do it."""
        start = time.perf_counter()
        known = self._known()
        files = list(self._files())
        for done, file in enumerate(files):
            if self._cancel():
                self._write()
                raise Cancelled(f"{self._tree}: {done} of {len(files)} files are done")
            self._take(file, known.pop(self._key(file.name), None))
            if self._progress:
                self._progress(done + 1, len(files), file.name)
        self._forget(known)
        self._write()
        self._added.seconds = time.perf_counter() - start
        return self._added

    def _known(self) -> dict[str, dict[str, Any]]:
        """What the collection has of the files that are looked at, by id."""
        where = {"tree": self._tree, "kind": "file"}
        known = {str(p.id): dict(p.payload or {}) for p in self._collection.points(where)}
        return {key: record for key, record in known.items() if self._is_in(record["name"])}

    def _files(self) -> Iterator[TreeFile]:
        path = self._root / self._within
        if path.is_file():
            status = path.stat()
            yield TreeFile(path, self._within, status.st_size, status.st_mtime_ns)
            return
        endings = frozenset(chain.from_iterable(formats().values()))
        yield from walk(self._root, endings, self._skip, self._within)

    def _is_in(self, name: str) -> bool:
        return not self._within or f"{name}/".startswith(f"{self._within}/")

    def _skip(self, name: str, reason: str) -> None:
        self._added.skipped.append((name, reason))

    def _key(self, name: str) -> str:
        return hashlib.blake2b(
            f"{self._tree}{name}".encode("utf-8", "surrogatepass"), digest_size=12
        ).hexdigest()

    def _take(self, file: TreeFile, before: dict[str, Any] | None) -> None:
        stamp = {"size": file.size, "mtime": file.mtime}
        same_maker = before is not None and before.get("made") == self._made
        if before is not None and same_maker and all(before.get(k) == v for k, v in stamp.items()):
            self._added.unchanged += 1
            if before.get("error"):
                self._skip(file.name, before["error"])
            return
        record: dict[str, Any] = {
            "kind": "file", "tree": self._tree, "name": file.name, "made": self._made, **stamp,
        }  # fmt: skip
        if time.time_ns() - file.mtime < _FRESH:
            record["mtime"] = -1  # it may change again within the same tick of its clock
        try:
            data = read_bytes(file.path)
            record["hash"] = hashlib.blake2b(data, digest_size=16).hexdigest()
            if before is not None and same_maker and before.get("hash") == record["hash"]:
                self._added.unchanged += 1
                self._pending.add(self._key(file.name), {**before, **record}, None, None)
                if before.get("error"):
                    self._skip(file.name, before["error"])
                return
            document = read(data, file.name)
        except (AbiError, OSError) as error:
            reason = (getattr(error, "strerror", None) or str(error)).removeprefix(f"{file.name}: ")
            self._skip(file.name, reason.removeprefix(f"{file.path}: "))
            if "hash" not in record:  # it may be readable again: what is known of it stays
                return
            if isinstance(error, MissingExtraError):  # which may be there the next time
                record["mtime"] = -1
                record.pop("hash", None)
            record["error"] = self._added.skipped[-1][1]
            document = None
        self._added.new += before is None and document is not None
        self._added.changed += before is not None and document is not None
        self._put(record, document, 0 if before is None else int(before.get("chunks", 0)))

    def _put(self, record: dict[str, Any], document: Document | None, old: int) -> None:
        """Let a file's point and its chunks take the place of the `old` that there were."""
        key = self._key(record["name"])
        title = None if document is None else _short(document.title)
        found = [] if document is None else chunks(document, SIZE, OVERLAP, self._count)
        for i, chunk in enumerate(found):
            headings = [_short(heading) for heading in chunk.headings[:_HEADINGS]]
            payload: dict[str, Any] = {
                "kind": "chunk", "tree": self._tree, "name": record["name"], "title": title,
                "headings": headings or None, "line": chunk.line,
                "end_line": chunk.end_line, "page": chunk.page, "runs": packed(chunk.runs),
            }  # fmt: skip
            context = " > ".join(dict.fromkeys(filter(None, (title, *headings))))
            embedded = f"{context}\n{chunk.text}" if context else chunk.text
            given = {name: value for name, value in payload.items() if value is not None}
            self._pending.add(f"{key}-{i}", given, chunk.text, embedded)
        self._pending.gone += [f"{key}-{i}" for i in range(len(found), old)]
        self._pending.add(key, {**record, "chunks": len(found), "title": title}, None, None)
        self._added.chunks += len(found)
        if len(self._pending.ids) >= _BATCH:
            self._write()

    def _forget(self, known: dict[str, dict[str, Any]]) -> None:
        """Files that are no more there; not those of folders that could not be read."""
        closed = [name for name, _ in self._added.skipped]
        for key, record in known.items():
            name = str(record.get("name"))
            if "." in closed or any(
                name == c or (c[-1:] == "/" and name.startswith(c)) for c in closed
            ):
                continue
            n = int(record.get("chunks", 0))
            self._pending.gone += [key, *(f"{key}-{i}" for i in range(n))]
            self._added.removed += 1

    def _write(self) -> None:
        """Delete first: a file's point says of more chunks than there are, never of fewer."""
        pending, self._pending = self._pending, _Pending()
        if pending.gone:
            self._collection.delete(pending.gone)
        if not pending.ids:
            return
        texts = [text for text in pending.embedded if text is not None]
        vectors = iter(self._embedder.embed(texts)) if texts else iter(())
        rows = [None if text is None else next(vectors) for text in pending.embedded]
        given = {self._embedder.name: rows} if texts else None
        self._collection.upsert(pending.ids, given, pending.payloads, pending.texts)


def tree_name(root: Path) -> str:
    """What a folder's tree is called."""
    return f"{root.as_posix().rstrip('/')}/"


def _short(title: str | None) -> str | None:
    return title if title is None or len(title) <= _TITLE else f"{title[:_TITLE]} ..."
