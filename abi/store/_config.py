"""What a collection is: its vectors, how they are compared and indexed, its limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from abi.errors import FormatError, InputError

__all__ = ["INDEXES", "METRICS", "CollectionConfig", "VectorConfig", "vectors_of"]

METRICS = ("cosine", "ip", "l2", "hamming")
INDEXES = ("auto", "flat", "hnsw")
MAX_DIM = 65_536
_MAX_NAME_BYTES = 255


@dataclass(frozen=True)
class VectorConfig:
    """One vector of each point.

    Parameters
    ----------
    dim : int
        Numbers a vector; for "hamming" bits a vector, a multiple of 8.
    metric : {"cosine", "ip", "l2", "hamming"}
    index : {"auto", "flat", "hnsw"}
        "flat" compares every vector, "hnsw" walks a graph, "auto" does so where it pays.
    M, ef_construction, ef : int
        Of HNSW: neighbours of a vector, candidates that they are chosen from, and the width of a
        search where it names none.
    """

    dim: int
    metric: str = "cosine"
    index: str = "auto"
    M: int = 16
    ef_construction: int = 200
    ef: int = 64

    def check(self, where: str) -> VectorConfig:
        """Itself.

        Raises
        ------
        InputError
            If a value cannot be.
        """
        bits = self.metric == "hamming"
        _one_of(self.metric, METRICS, f"{where}metric")
        _one_of(self.index, INDEXES, f"{where}index")
        _integer(self.dim, 1, MAX_DIM, f"{where}dim")
        _integer(self.M, 2, 512, f"{where}M")
        _integer(self.ef_construction, 1, 10_000, f"{where}ef_construction")
        _integer(self.ef, 1, 10_000, f"{where}ef")
        if bits and self.dim % 8:
            raise InputError(f"{where}dim={self.dim}: bits come in bytes; give a multiple of 8")
        return self

    @property
    def width(self) -> int:
        """Elements of a stored row."""
        return self.dim // 8 if self.metric == "hamming" else self.dim

    @property
    def dtype(self) -> str:
        """Type of the elements of a stored row."""
        return "u1" if self.metric == "hamming" else "<f4"


@dataclass(frozen=True)
class CollectionConfig:
    """What `create_collection` was given.

    Parameters
    ----------
    vectors : dict of str to VectorConfig
        By name; "" is the one without a name. Empty for a collection of texts alone.
    max_payload_bytes : int
        Largest payload of a point, as JSON.
    """

    vectors: Mapping[str, VectorConfig] = field(default_factory=dict)
    max_payload_bytes: int = 1 << 20

    def check(self) -> CollectionConfig:
        """Itself; InputError if a value cannot be."""
        for name, vector in self.vectors.items():
            check_name(name, "vectors", empty=True)
            vector.check(f"vectors[{name!r}]: " if name else "")
        _integer(self.max_payload_bytes, 2, 1 << 28, "max_payload_bytes")
        return self

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Any, source: str) -> CollectionConfig:
        """From plain values; FormatError if they are not such."""
        try:
            vectors = {
                name: VectorConfig(**_known(VectorConfig, vector))
                for name, vector in value["vectors"].items()
            }
            rest = _known(cls, {k: v for k, v in value.items() if k != "vectors"})
            return cls(vectors=vectors, **rest).check()
        except (KeyError, TypeError, AttributeError, InputError) as error:
            raise FormatError(f"{error}", field="config", source=source) from None


def vectors_of(
    dim: int | None, vectors: Mapping[str, Any] | None, options: Mapping[str, Any]
) -> dict[str, VectorConfig]:
    """Vectors as `create_collection` takes them: one by `dim=`, or several by name."""
    if dim is not None and vectors is not None:
        raise InputError("dim= and vectors=: give one vector by dim=, or several by vectors=")
    if vectors is None:
        if dim is None:
            return {}
        return {"": VectorConfig(dim, **options)}
    found = {}
    for name, given in vectors.items():
        settings = {**options, **given} if isinstance(given, Mapping) else {**options, "dim": given}
        unknown = sorted(set(settings) - {f.name for f in fields(VectorConfig)})
        if unknown or "dim" not in settings:
            problem = f"unknown {unknown[0]!r}" if unknown else 'without "dim"'
            raise InputError(f"vectors[{name!r}]: {problem}")
        found[name] = VectorConfig(**settings)
    return found


def check_name(name: object, where: str, *, empty: bool = False) -> str:
    """A name of a collection or vector: any text that can be printed, of 255 bytes at most."""
    if type(name) is not str:
        raise InputError(f"{where}: got {type(name).__name__}; expected a string")
    if not name.isprintable():  # lone surrogates are not printable either
        raise InputError(f"{where}: {name!r} has characters that cannot be printed")
    if not (name or empty) or len(name.encode()) > _MAX_NAME_BYTES:
        raise InputError(f"{where}: {name[:20]!r}: expected 1 to {_MAX_NAME_BYTES} bytes")
    return name


def _known(kind: Any, value: Mapping[str, Any]) -> dict[str, Any]:
    """What this version knows of settings that a later one may have written more of."""
    names = {f.name for f in fields(kind)}
    return {k: v for k, v in value.items() if k in names}


def _one_of(value: object, choices: tuple[object, ...], where: str) -> None:
    if value not in choices:
        raise InputError(f"{where}={value!r}: expected one of {', '.join(map(repr, choices))}")


def _integer(value: object, low: int, high: int, where: str) -> None:
    if type(value) is not int or not low <= value <= high:
        raise InputError(f"{where}={value!r}: expected an integer from {low} to {high}")
