"""Indexes over rows of flat arrays: they know no files, ids or payloads.

A scorer compares (`Vectors`, or codes that stand for them); an index chooses what is compared.
"""

from abi.index._binary import BinaryCodes
from abi.index._bm25 import idf
from abi.index._cost import SearchStats
from abi.index._flat import Flat
from abi.index._growing_postings import GrowingPostings
from abi.index._hnsw import HNSW
from abi.index._hnsw_subset import subset
from abi.index._int8 import Int8Codes
from abi.index._ivf import IVF, partitions_for
from abi.index._ivf_arrays import checked_partitions, labels_of, offsets_of
from abi.index._ivfpq import ivfpq
from abi.index._kmeans import assign, kmeans
from abi.index._lire import LIRE, LIREStats
from abi.index._postings import Postings
from abi.index._pq import PQCodes
from abi.index._protocol import METRICS, Found, Index, Mask, Scorer
from abi.index._rescored import Rescored
from abi.index._vectors import Vectors, inverse_norms

__all__ = [
    "HNSW",
    "IVF",
    "LIRE",
    "METRICS",
    "BinaryCodes",
    "Flat",
    "Found",
    "GrowingPostings",
    "Index",
    "Int8Codes",
    "LIREStats",
    "Mask",
    "PQCodes",
    "Postings",
    "Rescored",
    "Scorer",
    "SearchStats",
    "Vectors",
    "assign",
    "checked_partitions",
    "idf",
    "inverse_norms",
    "ivfpq",
    "kmeans",
    "labels_of",
    "offsets_of",
    "partitions_for",
    "subset",
]
