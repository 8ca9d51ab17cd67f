"""The indexes of a segment: files beside it, and the partitions in whose order its vectors lie."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, cast

from abi.errors import DamageWarning, FormatError
from abi.index import Vectors, checked_partitions
from abi.kernels import NumpyKernels
from abi.store._config import INDEXES, QUANTIZATIONS, CollectionConfig
from abi.store._pack import Array, Pack
from abi.store.files import Files
from abi.store.indexes import Before, Choice, Opened, read

__all__ = ["SegmentIndexes"]

_UNOPENED = object()


class SegmentIndexes:
    """What a segment knows of its indexes; `Segment` has the rest.

    Parameters
    ----------
    tuned : dict of str to dict
        How wide each is to be searched, where that was measured.
    """

    pack: Pack
    _files: Files
    _config: CollectionConfig
    _vectors: list[str]

    def __init__(self, tuned: Mapping[str, Mapping[str, int]]) -> None:
        self.indexes: dict[str, str] = {}  # files, by vector
        self.before: dict[str, Before] = {}  # graphs that go on here, by vector
        self.tuned = {vector: dict(widths) for vector, widths in tuned.items()}
        self._index_packs: dict[str, Pack] = {}
        self._opened: dict[str, Opened | None] = {}
        self._partitions: dict[str, tuple[Array, Array] | None] = {}

    def count(self, name: str) -> int:
        """How many of its rows have a vector."""
        raise NotImplementedError

    def vectors(self, name: str, kernels: NumpyKernels) -> Vectors | None:
        """A vector of its rows."""
        raise NotImplementedError

    def add_index(self, name: str, file: str) -> None:
        """Take a file as the index of a vector. It is opened, and read when it is needed, so
        that it may be removed while this segment is still searched.
        """
        try:
            view = self._files.open(file).view()
            self._index_packs[name] = Pack(view, f"{self._files.name}/{file}")
            self.indexes[name] = file
            self._opened.pop(name, None)
        except (OSError, FormatError) as error:
            self._no_index(error)

    def drop_index(self, name: str) -> None:
        """Search without the file of an index."""
        for known in (self.indexes, self._index_packs, self._opened):
            known.pop(name, None)

    def index_pack(self, name: str) -> Pack | None:
        """The file of a vector's index; None where there is none that can be read."""
        return self._index_packs.get(name)

    def graphs(self) -> list[str]:
        """The vectors whose index file holds a graph."""
        choices = {name: _choice_of(pack) for name, pack in list(self._index_packs.items())}
        return [name for name, one in choices.items() if one is not None and one.index == "hnsw"]

    @property
    def folder(self) -> str:
        """Where its files are, for messages."""
        return self._files.name

    def tune(self, name: str, widths: Mapping[str, int]) -> None:
        """Search the index of a vector as wide as this from now on."""
        self.tuned[name] = dict(widths)
        opened = self._opened.get(name)
        if opened is not None:
            opened.tune(widths)

    def opened(self) -> list[tuple[str, Opened]]:
        """The indexes that were searched, by vector."""
        return [(name, one) for name, one in list(self._opened.items()) if one is not None]

    def has(self, name: str, choice: Choice) -> bool:
        """Whether a vector has such an index, as far as the directory tells."""
        if choice.index == "ivf" and self.partitions(name) is None:
            return False
        if not choice.in_file:
            return True
        pack = self._index_packs.get(name)
        return pack is not None and _choice_of(pack) == choice

    def index(self, name: str, kernels: NumpyKernels) -> Opened | None:
        """The index of a vector; None where there is none, or its file cannot be read."""
        found: Any = self._opened.get(name, _UNOPENED)
        if found is _UNOPENED:  # it may be dropped again meanwhile
            found = self._opened[name] = self._open(name, kernels)
        return None if found is None else cast(Opened, found)

    def _open(self, name: str, kernels: NumpyKernels) -> Opened | None:
        vectors, partitions = self.vectors(name, kernels), self.partitions(name)
        settings, pack = self._config.vectors[name], self._index_packs.get(name)
        if vectors is None or (partitions is None and pack is None):
            return None
        choice = Choice("flat" if partitions is None else "ivf", "none")
        arrays: Mapping[str, Array] = {}
        try:
            if pack is not None:
                choice, arrays = _choice_of(pack) or choice, pack.group("")
            if choice == Choice("flat", "none"):
                return None
            index = read(choice, arrays, vectors, settings, partitions)
            return Opened(choice, index, settings, self.tuned.get(name, {}))
        except FormatError as error:
            self._no_index(error)
            if self._index_packs.pop(name, None) is None:
                return None  # the partitions themselves are damaged
            self.indexes.pop(name, None)
            return self._open(name, kernels)

    def mended(self, name: str) -> bool:
        """Whether the partitions of a vector come from those of an earlier segment."""
        return name in self.pack.meta.get("mended", ())

    def partitions(self, name: str) -> tuple[Array, Array] | None:
        """Centroids and offsets of the partitions in whose order a vector lies, if it does."""
        if name not in self._partitions:
            self._partitions[name] = self._read_partitions(name)
        return self._partitions[name]

    def partitioned(self, name: str) -> bool:
        """Whether a vector should have partitions, as far as the directory tells."""
        prefix = f"v{self._vectors.index(name)}/ivf/" if name in self._vectors else "none"
        return f"{prefix}centroids" in self.pack

    def _read_partitions(self, name: str) -> tuple[Array, Array] | None:
        if not self.partitioned(name):
            return None
        prefix = f"v{self._vectors.index(name)}/ivf/"
        try:
            m, width = self.count(name), self._config.vectors[name].width
            centroids, offsets = checked_partitions(self.pack.group(prefix), m)
            if offsets[-1] != m or centroids.shape[1] != width:
                raise FormatError("not those of its vectors", field="ivf", source=self.pack.source)
            return centroids, offsets
        except FormatError as error:
            self._no_index(error)
            return None

    def _no_index(self, error: Exception) -> None:
        message = f"{self._files.name}: index: {error}; it is made again from the vectors"
        warnings.warn(message, DamageWarning, stacklevel=3)


def _choice_of(pack: Pack) -> Choice | None:
    """What an index file holds; None if it does not say."""
    index, codes = pack.meta.get("index"), pack.meta.get("quantization")
    return Choice(index, codes) if index in INDEXES and codes in QUANTIZATIONS else None
