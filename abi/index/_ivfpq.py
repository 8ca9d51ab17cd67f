"""IVFPQ: partitions of product codes of what is left after the centroid is taken off.

Jegou, Douze and Schmid, PAMI 2011; names are faiss's. Its scores are estimates: `Rescored` compares
the best again by the vectors.
"""

from __future__ import annotations

from abi.index._ivf import IVF
from abi.index._ivf_arrays import labels_of
from abi.index._pq import PQCodes
from abi.index._vectors import Vectors

__all__ = ["ivfpq"]


def ivfpq(
    vectors: Vectors,
    nlist: int,
    m: int,
    nbits: int = 8,
    *,
    opq: bool = False,
    nprobe: int = 8,
    seed: int = 0,
) -> IVF:
    """Partition rows, and code them.

    Parameters
    ----------
    vectors : Vectors
    nlist : int
        Partitions.
    m : int
        Parts of a row that are coded; it divides the dimension.
    nbits : {8, 4}
        Of a part.
    opq : bool
        Learn a rotation too.
    nprobe, seed : int

    Returns
    -------
    IVF
        Over `PQCodes`.

    Raises
    ------
    InputError
        If a parameter cannot be, there are too few rows, or the vectors are bits.

    Examples
    --------
    >>> from abi.index import Rescored
    >>> rng = np.random.default_rng(0)
    >>> vectors = Vectors.of(rng.normal(size=(600, 8)).astype(np.float32), "l2")
    >>> index = Rescored(ivfpq(vectors, nlist=4, m=4, nbits=4), vectors)
    >>> index.search(vectors.data[5:6], k=1)[0].tolist()
    [[5]]
    """
    whole = IVF.build(vectors, nlist, nprobe=nprobe, seed=seed)
    labels = labels_of(whole.offsets)
    ordered = vectors if whole.order is None else vectors.take(whole.order)
    codes = PQCodes.of(ordered, m, nbits, opq=opq, partition=(whole.centroids, labels), seed=seed)
    return IVF(codes, whole.centroids, whole.offsets, whole.order, nprobe, whole.kernels)
