"""A library: the documents of trees, in chunks, in one collection of a database.

Each file is a point without a vector and a text, which says what was read of it; each chunk is a
point beside it. What is written of a file is one commit, so a run that was ended at any moment is
gone on with by the next, and what it leaves is what an undisturbed run leaves.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from abi.errors import InputError
from abi.rag._answer import Answer, quotes
from abi.rag._embedder import Embedder, query_vector
from abi.rag._indexing import Added, Indexing, tree_name
from abi.rag._passage import Passage
from abi.store import Collection, Database

__all__ = ["Library"]

MODES = ("hybrid", "text", "vector")

# What meaning counts beside words, of 1, by the name of the embedding: the best on one half of the
# questions of `tests.bench.retrieval`. Vectors that are less sure of the order count less.
SHARES = {"static-minilm-128": 0.3}
_SHARE = 0.6  # of encoders

_MOST_TREES = 100_000
_AT_ONCE = 1000  # names of a filter

Rerank = Callable[[str, Sequence[str]], Sequence[float]]


class Library:
    """Documents that are found by words and by meaning.

    Parameters
    ----------
    db : Database
    embedder : Embedder
    name : str
        Of the collection; made if it is not there and `db` can be written to.
    language : str, optional
        "english": words of texts and questions are brought to their stems.

    Raises
    ------
    InputError
        If the collection holds vectors of another embedder.
    """

    def __init__(
        self,
        db: Database,
        embedder: Embedder,
        name: str = "documents",
        language: str | None = "english",
    ) -> None:
        self.embedder = embedder
        vector = {embedder.name: embedder.dim}
        if name in db:
            self.collection: Collection = db[name]
            there = list(self.collection.config.vectors)
            if there != [embedder.name]:
                made = ", ".join(there) or "none"
                raise InputError(
                    f"{db.path}: {name!r} has vectors of {made}, not of {embedder.name}: use that "
                    "embedding, or index into another collection"
                )
        else:
            self.collection = db.create_collection(name, vectors=vector, language=language)

    def add(
        self,
        tree: str | os.PathLike[str],
        *,
        progress: Callable[[int, int, str], None] | None = None,
        cancel: Callable[[], bool] = lambda: False,
    ) -> Added:
        """Read the documents of a folder, or one file; what did not change is passed over.

        Files that are no more there leave the library. A file that cannot be read is told in
        what is returned, and is tried again when it has changed. What lies in a tree that was
        added before stays a part of it, and a tree takes over what was added of it before.

        Parameters
        ----------
        tree : path
        progress : callable, optional
            Takes how many files are done, how many there are, and the name of the last.
        cancel : callable
            Asked between files; True ends with `Cancelled`, and what was done is kept.

        Raises
        ------
        InputError
            If there is no such folder or file.
        Cancelled
            If `cancel` said so.
        """
        if not os.fspath(tree):
            raise InputError("the path is empty; name a folder or a file")
        place = Path(os.path.realpath(tree))
        if not place.exists():
            raise InputError(f"{tree}: no such file or folder; what is gone can be removed")
        root, within = self._tree_of(place)
        added = self._run(root, within, progress, cancel)
        if within and place.is_dir() and not added.files:  # left out of the tree it lies in
            return self._run(place, "", progress, cancel)
        if not within:
            self._absorb(tree_name(root))
        return added

    def _run(self, root: Path, within: str, *options: Any) -> Added:
        return Indexing(self.collection, self.embedder, root, within, *options).run()

    def _tree_of(self, place: Path) -> tuple[Path, str]:
        """The folder that a place is indexed under, and what it is of it, "" for all."""
        own = tree_name(place)
        above = [tree for tree in self.trees() if own.startswith(tree) and own != tree]
        if above:
            root = Path(min(above, key=len))
            return root, place.relative_to(root).as_posix()
        return (place, "") if place.is_dir() else (place.parent, place.name)

    def _absorb(self, tree: str) -> None:
        """Forget, of the trees within one, the files that it has too."""
        whole = set(self._names(tree))
        for inner in self.trees():
            if inner != tree and inner.startswith(tree):
                below = inner.removeprefix(tree)
                self._forget(inner, [n for n in self._names(inner) if f"{below}{n}" in whole])

    def _names(self, tree: str) -> list[str]:
        """The files of a tree."""
        points = self.collection.points({"tree": tree, "kind": "file"})
        return [str((point.payload or {})["name"]) for point in points]

    def _forget(self, tree: str, names: Sequence[str]) -> None:
        for i in range(0, len(names), _AT_ONCE):
            some = list(names[i : i + _AT_ONCE])
            self.collection.delete(filter={"tree": tree, "name": {"$in": some}})

    def remove(self, tree: str | os.PathLike[str]) -> int:
        """Forget the documents of a tree that was added, or those of it in one folder or file.

        Returns
        -------
        int
            How many they were.

        Raises
        ------
        InputError
            If the library has no such tree and no such file.
        """
        place = Path(os.path.realpath(tree)).as_posix()
        trees = self.trees()
        if (name := f"{place.rstrip('/')}/") in trees:
            self.collection.delete(filter={"tree": name})
            return trees[name]
        for name in trees:
            if place.startswith(name):
                part = f"{place.removeprefix(name)}/"
                if found := [n for n in self._names(name) if f"{n}/".startswith(part)]:
                    self._forget(name, found)
                    return len(found)
        known = ", ".join(trees) or "none"
        raise InputError(f"{tree}: not in the library; there are: {known}")

    def trees(self) -> dict[str, int]:
        """The trees that were added, and how many files each has."""
        found = self.collection.facet("tree", filter={"kind": "file"}, limit=_MOST_TREES)
        return {str(name): count for name, count in found}

    def search(
        self,
        question: str,
        k: int = 10,
        *,
        mode: str = "hybrid",
        rerank: Rerank | None = None,
        candidates: int = 50,
        filter: dict[str, Any] | None = None,
    ) -> list[Passage]:
        """The passages that fit a question, best first.

        Parameters
        ----------
        question : str
        k : int
        mode : {"hybrid", "text", "vector"}
            By words (BM25) and meaning, whose scores are added by weight (`SHARES`), because
            reciprocal ranks find less; by words; by meaning (cosine).
        rerank : callable, optional
            Scores of passages for a question, larger is better, such as a model's: the best
            `candidates` are ordered by them.
        candidates : int
        filter : dict, optional
            See `abi.store.filter`: on `tree`, `name`, `title`, `headings`.

        Raises
        ------
        InputError
            If the question is empty, or a value cannot be.
        """
        if not question.strip():
            raise InputError("the question is empty; ask for something")
        if mode not in MODES:
            raise InputError(f"mode={mode!r}: expected one of {', '.join(MODES)}")
        wanted = max(k, candidates) if rerank else k
        asked: dict[str, Any] = {"using": self.embedder.name, "filter": filter}
        if mode != "text":
            asked["vector"] = query_vector(self.embedder, question)
        if mode != "vector":
            asked["text"] = question
        if mode == "hybrid":
            share = SHARES.get(self.embedder.name, _SHARE)
            asked |= {"fusion": "weighted", "weights": [share, 1 - share]}
        found = [Passage.of(hit) for hit in self.collection.search(k=wanted, **asked)]
        if rerank is None or not found:
            return found[:k]
        scores = np.asarray(rerank(question, [passage.text for passage in found]), np.float64)
        order = np.argsort(-scores, kind="stable")[:k].tolist()
        return [_scored(found[i], float(scores[i])) for i in order]

    def quotes(self, question: str, passages: Sequence[Passage], n: int = 3) -> Answer:
        """The best sentences of passages for a question; none where none answers it.

        Words count by how rare they are in the library, and words that it does not have speak
        against an answer.

        Parameters
        ----------
        question : str
        passages : sequence of Passage
            What `search` found.
        n : int
            Sentences at most.
        """
        counts = self.collection.term_counts(question)
        return quotes(question, passages, self.embedder, n, counts)


def _scored(passage: Passage, score: float) -> Passage:
    from dataclasses import replace

    return replace(passage, score=score)
