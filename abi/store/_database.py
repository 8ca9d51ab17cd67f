"""A database: collections in one folder, with one writer and any number of readers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from abi.errors import InputError
from abi.store._collection import Collection
from abi.store._commits import Collections
from abi.store._config import CollectionConfig, check_name, vectors_of
from abi.store._engine import Engine, Operation
from abi.store._moment import Moment, show_time
from abi.store.files import Files

__all__ = ["Database"]


class Database:
    """An open database; `abi.open` makes it. A context manager that closes it.

    Parameters
    ----------
    files : Files
        Its files.
    write : bool
    durability, history, at
        As in `open`.

    Attributes
    ----------
    problems : tuple of str
        What could not be read when it was opened, and what is lost by it.
    """

    def __init__(
        self,
        files: Files,
        write: bool = True,
        durability: str = "always",
        history: float = 7 * 86400,
        at: Moment | None = None,
    ) -> None:
        self._engine = Engine(files, write=write, durability=durability, history=history, at=at)
        self.problems = self._engine.problems

    def __repr__(self) -> str:
        return f"Database({self.path!r}, sequence {self.sequence})"

    @property
    def path(self) -> str:
        """Where it is."""
        return self._engine.files.name

    @property
    def sequence(self) -> int:
        """Number of the last change; each call that changes something is one."""
        return self._engine.sequence

    @property
    def horizon(self) -> tuple[int, str]:
        """The earliest state that can be recovered: sequence, and time in ISO 8601."""
        sequence, when = self._engine.manifest.horizon
        return sequence, show_time(when)

    def create_collection(
        self,
        name: str,
        dim: int | None = None,
        metric: str = "cosine",
        index: str = "auto",
        *,
        vectors: Mapping[str, Any] | None = None,
        max_payload_bytes: int = 1 << 20,
        language: str | None = None,
        exist_ok: bool = False,
        **options: Any,
    ) -> Collection:
        """Make a collection.

        Parameters
        ----------
        name : str
        dim : int, optional
            Numbers a vector. Without it and `vectors` the collection holds texts and payloads.
        metric : {"cosine", "ip", "l2", "hamming"}
            "hamming" takes vectors of `dim` bits, packed into bytes.
        index : {"auto", "flat", "hnsw", "ivf"}
        vectors : dict of str to int or dict, optional
            Several vectors a point, by name: dimensions, or dicts with "dim" and options.
        max_payload_bytes : int
            Largest payload of a point.
        language : str, optional
            "english": words of texts and of queries are brought to their stems.
        exist_ok : bool
            Return the collection that is there, if it was made with the same settings.
        **options
            M, ef_construction, ef, nlist, nprobe, quantization, pq_m, oversample, recall: see
            `VectorConfig`.

        Raises
        ------
        InputError
            If a value cannot be, or there is a collection of this name.
        """
        check_name(name, "name")
        settings = {"metric": metric, "index": index, **options}
        try:
            given = vectors_of(dim, vectors, settings)
        except TypeError as error:
            raise InputError(f"create_collection: {error}") from None
        config = CollectionConfig(given, max_payload_bytes, language).check()

        def make(collections: Collections) -> Operation | None:
            state = collections.named(name)
            if state is None:
                return {"op": "create", "name": name, "config": config.to_json()}, {}
            if exist_ok and state.entry.config == config:
                return None
            problem = (
                " with other settings; drop it first" if exist_ok else "; exist_ok=True takes it"
            )
            raise InputError(f"collection {name!r}: is there already{problem}")

        self._engine.commit(
            make, lambda c, sequence, when: c.create(name, config, (sequence, when))
        )
        return self.collection(name)

    def collection(self, name: str) -> Collection:
        """A collection by its name; `db[name]` is the same.

        Raises
        ------
        InputError
            If there is none.
        """
        state = self._engine.read(lambda collections: collections.named(name))
        if state is None:
            names = ", ".join(map(repr, self.collections())) or "none yet"
            raise InputError(f"{self.path}: no collection {name!r}; there are: {names}")
        return Collection(self._engine, state.entry.number)

    def __getitem__(self, name: str) -> Collection:
        return self.collection(name)

    def __contains__(self, name: object) -> bool:
        return name in self.collections()

    def collections(self) -> list[str]:
        """Names of the collections, in the order of their creation."""
        names: list[str] = self._engine.read(lambda c: [s.entry.name for s in c.present()])
        return names

    def drop_collection(self, name: str) -> None:
        """Drop a collection and all that it holds; it can be recovered as long as any history.

        Raises
        ------
        InputError
            If there is none of this name.
        """
        number = self.collection(name)._number

        def make(collections: Collections) -> Operation:
            if collections.named(name) is None:
                raise InputError(f"{self.path}: no collection {name!r}; it was dropped meanwhile")
            return {"op": "drop", "c": number}, {}

        self._engine.commit(make, lambda c, sequence, when: c.drop(number, (sequence, when)))

    def sync(self) -> None:
        """Return when every change so far is on the disk, whatever `durability` is."""
        self._engine.sync()

    def checkpoint(self) -> None:
        """Write what is in memory into segments; `close` does it too, and so do long logs.

        Raises
        ------
        StorageError
            If a file cannot be written; nothing is lost then.
        """
        self._engine.checkpoint()

    def compact(self) -> None:
        """Write each collection as one segment without dead rows.

        It goes on by itself when there are many segments or dead rows; this does all of it now.

        Raises
        ------
        StorageError
            If a file cannot be written; nothing is lost then.
        FormatError
            If a segment is damaged; it is left as it is.
        """
        self._engine.compact()

    def info(self) -> dict[str, Any]:
        """What it holds, and what that takes on the disk.

        Returns
        -------
        dict
            `sequence`; `horizon`; `n_bytes` on the disk; `problems`; and `collections`: by name
            a dict of `points`, `vectors` (settings by name), `segments`, and `n_bytes`.
        """
        return self._engine.info()

    def check(self, progress: Callable[[int, int], None] | None = None) -> list[str]:
        """Read every file whole and compare checksums, then the parts with each other.

        Parameters
        ----------
        progress : callable, optional
            Takes the number of files that were read, and of all.

        Returns
        -------
        list of str
            What is wrong, `problems` among it; empty where all is well.
        """
        return self._engine.check(progress)

    def repair(self) -> list[str]:
        """Make again, from data that are whole, what belongs to them and is damaged: columns of
        payloads, terms of texts, norms, orders, partitions, graphs and codes.

        Data that are damaged themselves stay as they are: `check` says what they are, and a
        backup has them.

        Returns
        -------
        list of str
            What was made again.

        Raises
        ------
        StorageError
            If a file cannot be written; nothing is lost then.
        """
        return self._engine.repair()

    def close(self) -> None:
        """Write what is in memory and let go of the files; a second time does nothing."""
        self._engine.close()

    def __enter__(self) -> Database:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
