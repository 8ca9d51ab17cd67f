"""Kinds of faiss indexes and metrics that are known by name alone."""

from __future__ import annotations

from abi.errors import UnsupportedError
from abi.store.foreign._cursor import Cursor

__all__ = ["METRICS", "unsupported"]

METRICS = {
    2: "METRIC_L1",
    3: "METRIC_Linf",
    4: "METRIC_Lp",
    20: "METRIC_Canberra",
    21: "METRIC_BrayCurtis",
    22: "METRIC_JensenShannon",
    23: "METRIC_Jaccard",
    24: "METRIC_NaNEuclidean",
    25: "METRIC_GOWER",
}

_RECONSTRUCT = "export the vectors with index.reconstruct_n(0, index.ntotal) and import the .npy"

_CODES = {
    b"IxPq": "IndexPQ",
    b"IxPQ": "IndexPQ",
    b"IxPo": "IndexPQ",
    b"IPfs": "IndexPQFastScan",
    b"IxSQ": "IndexScalarQuantizer",
    b"IxSq": "IndexScalarQuantizer",
    b"IxHe": "IndexLSH",
    b"IxHE": "IndexLSH",
    b"IxRq": "IndexResidualQuantizer",
    b"IxRQ": "IndexResidualQuantizer",
    b"IxLS": "IndexLocalSearchQuantizer",
    b"IxPR": "IndexProductResidualQuantizer",
    b"IxPL": "IndexProductLocalSearchQuantizer",
    b"Ixrq": "IndexRaBitQ",
    b"IxLa": "IndexLattice",
    b"Ix2L": "Index2Layer",
    b"IwPQ": "IndexIVFPQ",
    b"IvPQ": "IndexIVFPQ",
    b"IwQR": "IndexIVFPQR",
    b"IvQR": "IndexIVFPQR",
    b"IwPf": "IndexIVFPQFastScan",
    b"IwSq": "IndexIVFScalarQuantizer",
    b"IwSQ": "IndexIVFScalarQuantizer",
    b"IvSQ": "IndexIVFScalarQuantizer",
    b"IwSh": "IndexIVFSpectralHash",
    b"IwLS": "IndexIVFLocalSearchQuantizer",
    b"IwRq": "IndexIVFResidualQuantizer",
    b"IwRQ": "IndexIVFResidualQuantizer",
    b"IwPL": "IndexIVFProductLocalSearchQuantizer",
    b"IwPR": "IndexIVFProductResidualQuantizer",
    b"Iwrq": "IndexIVFRaBitQ",
    b"IHNp": "IndexHNSWPQ",
    b"IHNs": "IndexHNSWSQ",
    b"IHN2": "IndexHNSW2Level",
    b"INSp": "IndexNSGPQ",
    b"INSs": "IndexNSGSQ",
    b"IRMf": "IndexRowwiseMinMax",
    b"IRMh": "IndexRowwiseMinMaxFP16",
    b"Imiq": "MultiIndexQuantizer",
}

_WHOLE = {
    b"IwFd": "IndexIVFFlatDedup",
    b"INSf": "IndexNSGFlat",
    b"INNf": "IndexNNDescentFlat",
    b"IHNc": "IndexHNSWCagra",
    b"IHc2": "IndexHNSWCagra",
    b"IwIQ": "IndexIVFIndependentQuantizer",
    b"IBHh": "IndexBinaryHash",
    b"IBHm": "IndexBinaryMultiHash",
    b"IBFf": "IndexBinaryFromFloat",
}

_OTHERS = {
    b"IxPT": ("an IndexPreTransform holds transformed vectors", _RECONSTRUCT),
    b"IxRF": (
        "an IndexRefine holds two indexes",
        "write index.refine_index, which has the vectors, to a file of its own",
    ),
    b"null": (
        "an index that was written without its vectors (IO_FLAG_SKIP_STORAGE)",
        "write it again with them",
    ),
}


def unsupported(cursor: Cursor, code: bytes, at: int) -> Exception:
    """The error for an index that cannot be read: it names what it is, and the cure."""
    where = f"{cursor.source}: "
    if code in _CODES:
        return UnsupportedError(
            f"{where}an {_CODES[code]} holds codes, not vectors: {_RECONSTRUCT}"
        )
    if code in _WHOLE:
        return UnsupportedError(
            f"{where}an {_WHOLE[code]}, whose layout is not known here: {_RECONSTRUCT}"
        )
    if code in _OTHERS:
        what, cure = _OTHERS[code]
        return UnsupportedError(f"{where}{what}: {cure}")
    if code[:1] == b"I" and code.isalnum():
        name = code.decode()
        return UnsupportedError(f"{where}an index of kind {name!r}, not known here: {_RECONSTRUCT}")
    message = f"{code!r} names no index; expected a file of faiss.write_index"
    return cursor.error(message, "kind", at)
