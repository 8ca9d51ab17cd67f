"""What a collection is: its vectors, how they are compared and indexed, its limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from abi.errors import FormatError, InputError
from abi.text import LANGUAGES

__all__ = ["INDEXES", "METRICS", "QUANTIZATIONS", "CollectionConfig", "VectorConfig", "vectors_of"]

METRICS = ("cosine", "ip", "l2", "hamming")
INDEXES = ("auto", "flat", "hnsw", "ivf")
QUANTIZATIONS = ("none", "int8", "binary", "pq")
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
    index : {"auto", "flat", "hnsw", "ivf"}
        "flat" compares every vector, "hnsw" walks a graph, "ivf" looks into the partitions that
        are nearest, "auto" takes what is fastest for as many vectors.
    M, ef_construction, ef : int
        Of HNSW: neighbours of a vector, candidates that they are chosen from, and the width of a
        search where it names none.
    nlist, nprobe : int, optional
        Of IVF: partitions, and those that a search looks into where it names no number; by the
        number of vectors, and by measuring, where they are not given.
    quantization : {"none", "int8", "binary", "pq"}
        Codes that are compared in place of vectors: of a byte a number, of a bit a number
        (RaBitQ), or of `pq_m` bytes (product quantisation).
    pq_m : int, optional
        Bytes of a code under "pq", a divisor of `dim`; about an eighth of it otherwise.
    oversample : int
        How many times k the best by codes are compared again by their vectors.
    recall : float
        Share of the true neighbours that an index is to find: it is measured on queries that
        come, and where they find less, searches are made wider or the index is made anew.
    """

    dim: int
    metric: str = "cosine"
    index: str = "auto"
    M: int = 16
    ef_construction: int = 200
    ef: int = 64
    nlist: int | None = None
    nprobe: int | None = None
    quantization: str = "none"
    pq_m: int | None = None
    oversample: int = 4
    recall: float = 0.95

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
        _integer(self.oversample, 1, 1000, f"{where}oversample")
        _one_of(self.quantization, QUANTIZATIONS, f"{where}quantization")
        for name, most in (("nlist", 1 << 20), ("nprobe", 1 << 20), ("pq_m", self.dim)):
            if getattr(self, name) is not None:
                _integer(getattr(self, name), 1, most, f"{where}{name}")
        if type(self.recall) is not float or not 0 < self.recall <= 1:
            raise InputError(f"{where}recall={self.recall!r}: expected a float above 0, up to 1")
        if self.pq_m is not None and self.dim % self.pq_m:
            raise InputError(f"{where}pq_m={self.pq_m}: expected a divisor of dim={self.dim}")
        if bits and self.dim % 8:
            raise InputError(f"{where}dim={self.dim}: bits come in bytes; give a multiple of 8")
        if bits and (self.index == "ivf" or self.quantization != "none"):
            raise InputError(f'{where}metric="hamming": bits have no partitions and no codes')
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
    language : str, optional
        "english": words of texts and of queries are brought to their stems.
    """

    vectors: Mapping[str, VectorConfig] = field(default_factory=dict)
    max_payload_bytes: int = 1 << 20
    language: str | None = None

    def check(self) -> CollectionConfig:
        """Itself; InputError if a value cannot be."""
        for name, vector in self.vectors.items():
            check_name(name, "vectors", empty=True)
            vector.check(f"vectors[{name!r}]: " if name else "")
        _integer(self.max_payload_bytes, 2, 1 << 28, "max_payload_bytes")
        _one_of(self.language, (None, *LANGUAGES), "language")
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
