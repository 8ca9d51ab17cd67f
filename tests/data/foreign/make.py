"""Made the files beside it: faiss 1.15.1 and hnswlib 0.8.0, chromadb 1.5.9 and 0.5.23.

python make.py faiss        in an environment with faiss-cpu and hnswlib (NumPy 2.4.6)
python make.py chroma       in one with chromadb 1.5.9 (NumPy 2.4.6)
python make.py old_chroma   in one with chromadb 0.5.23
"""

import json
import pickle
import shutil
import sqlite3
import struct
import sys
import types
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
RNG = np.random.default_rng(7)
VECTORS = RNG.normal(size=(40, 8)).astype(np.float32)
BITS = RNG.integers(0, 256, (40, 8), np.uint8)  # 64 bits
IDS = np.arange(40) * 3 + (1 << 40)


def with_faiss() -> None:
    import faiss
    import hnswlib

    np.save(HERE / "vectors.npy", VECTORS)
    np.save(HERE / "bits.npy", BITS)

    def write(name: str, index: object) -> None:
        faiss.write_index(index, str(HERE / f"{name}.faiss"))

    def write_binary(name: str, index: object) -> None:
        faiss.write_index_binary(index, str(HERE / f"{name}.faiss"))

    def filled(index: object, ids: np.ndarray | None = None, data: np.ndarray = VECTORS) -> object:
        if not index.is_trained:
            index.train(data)
        index.add(data) if ids is None else index.add_with_ids(data, ids)
        return index

    def binary(index: object, ids: np.ndarray | None = None) -> object:
        return filled(index, ids, BITS)

    def ivf(nlist: int, n: int = 40, kind: type = faiss.IndexIVFFlat) -> object:
        coarse = faiss.IndexFlatL2(8)
        coarse.add(VECTORS[:nlist] * (1 if n == 40 else 100))
        index = kind(coarse, 8, nlist, faiss.METRIC_L2)
        index.is_trained = True
        return filled(index, IDS[:n], VECTORS[:n])

    write("flat-l2", filled(faiss.IndexFlatL2(8)))
    write("flat-ip", filled(faiss.IndexFlatIP(8)))
    write("flat-l1", filled(faiss.IndexFlat(8, faiss.METRIC_L1)))
    write("flat-empty", faiss.IndexFlatL2(8))
    write("idmap", filled(faiss.IndexIDMap(faiss.IndexFlatIP(8)), IDS))
    write("idmap2", filled(faiss.IndexIDMap2(faiss.IndexFlatL2(8)), IDS))
    write("idmap-negative", filled(faiss.IndexIDMap(faiss.IndexFlatL2(8)), IDS - (1 << 40) - 1))
    write("idmap-twice", filled(faiss.IndexIDMap(faiss.IndexFlatL2(8)), IDS % (1 << 40) // 2 // 3))
    write("hnsw", filled(faiss.IndexHNSWFlat(8, 4)))
    write("idmap-hnsw", filled(faiss.IndexIDMap(faiss.IndexHNSWFlat(8, 4)), IDS))
    write("ivf", ivf(4))
    write("ivf-sparse", ivf(30, 12))
    direct = ivf(4)
    direct.set_direct_map_type(faiss.DirectMap.Hashtable)
    write("ivf-hashtable", direct)
    write("ivf-ivf", filled(faiss.index_factory(8, "IVF4(IVF2,Flat),Flat")))
    write("idmap-ivf", filled(faiss.IndexIDMap(ivf(4, 0)), IDS))
    write("normalised", filled(faiss.index_factory(8, "L2norm,Flat")))
    write("rotated", filled(faiss.index_factory(8, "RR8,Flat")))
    write("sq8", filled(faiss.index_factory(8, "SQ8")))
    write("pq", filled(faiss.IndexPQ(8, 2, 2)))
    write("ivfpq", filled(faiss.IndexIVFPQ(faiss.IndexFlatL2(8), 8, 2, 2, 2)))
    write("hnswsq", filled(faiss.index_factory(8, "HNSW4,SQ8")))
    write("refine", filled(faiss.index_factory(8, "SQ8,RFlat")))
    write("dedup", ivf(4, kind=faiss.IndexIVFFlatDedup))
    write_binary("binary", binary(faiss.IndexBinaryFlat(64)))
    write_binary("binary-idmap", binary(faiss.IndexBinaryIDMap(faiss.IndexBinaryFlat(64)), IDS))
    write_binary("binary-idmap2", binary(faiss.IndexBinaryIDMap2(faiss.IndexBinaryFlat(64)), IDS))
    write_binary("binary-hnsw", binary(faiss.IndexBinaryHNSW(64, 4)))
    coarse = faiss.IndexBinaryFlat(64)
    write_binary("binary-ivf", binary(faiss.IndexBinaryIVF(coarse, 64, 2), IDS))

    for space in ("l2", "cosine"):
        index = hnswlib.Index(space, 8)
        index.init_index(50, M=4, ef_construction=20, random_seed=7)
        index.add_items(VECTORS, IDS, num_threads=1)
        if space == "l2":
            index.mark_deleted(int(IDS[3]))
            index.mark_deleted(int(IDS[39]))
        index.save_index(str(HERE / f"{space}.hnswlib"))


def fill(folder: Path) -> None:
    import chromadb

    client = chromadb.PersistentClient(str(folder))

    def create(name: str, space: str, threshold: int) -> object:
        hnsw = {"space": space, "sync_threshold": threshold, "batch_size": min(threshold, 5)}
        hnsw["max_neighbors"] = 4
        return client.create_collection(name, configuration={"hnsw": hnsw}, embedding_function=None)

    queued = create("queued", "cosine", 1000)
    queued.add(
        ids=[f"k{i}" for i in range(20)],
        embeddings=VECTORS[:20],
        documents=[f"the document {i}" for i in range(20)],
        metadatas=[
            {"n": i, "f": i / 2, "s": str(i), "b": i % 2 == 0, "l": ["z", str(i)], "i": [2, 1]}
            for i in range(20)
        ],
    )
    queued.update(ids=["k4"], embeddings=VECTORS[30:31], metadatas=[{"n": None, "new": 1}])
    queued.delete(ids=["k3", "k5"])
    queued.upsert(ids=["k5", "k6"], embeddings=VECTORS[31:33], documents=["again", "other"])
    queued.add(ids=["k7"], embeddings=VECTORS[33:34])  # there already: nothing is done
    for space in ("cosine", "l2", "ip"):
        indexed = create(f"indexed-{space}", space, 10)
        for i in range(0, 32, 4):
            indexed.add(ids=[f"t{j}" for j in range(i, i + 4)], embeddings=VECTORS[i : i + 4])
        indexed.delete(ids=["t1"])
        indexed.update(ids=["t2"], embeddings=VECTORS[32:33])
        indexed.upsert(ids=["t3", "u"], embeddings=VECTORS[33:35], metadatas=[{"x": 1}, {"x": 2}])
        for i in range(35, 38):
            indexed.add(ids=[f"t{i}"], embeddings=VECTORS[i : i + 1])
        indexed.delete(ids=["t4", "u"])
    create("empty", "l2", 1000)

    keep("chroma", client.list_collections())


def keep(name: str, collections: list) -> None:
    """What Chroma returns of them."""
    found = {}
    for one in collections:
        got = one.get(include=["embeddings", "documents", "metadatas"])
        got["embeddings"] = np.asarray(got["embeddings"]).tolist()
        found[one.name] = {k: got[k] for k in ("ids", "embeddings", "documents", "metadatas")}
    (HERE / f"{name}.json").write_text(json.dumps(found), "utf-8")


def with_chroma() -> None:
    folder = HERE / "chroma"
    shutil.rmtree(folder, ignore_errors=True)
    fill(folder)
    shrink(folder)
    sys.modules["hnswlib"] = types.ModuleType("hnswlib")
    sys.modules["hnswlib"].Index = object  # all that it is needed for is its name
    from chromadb.segment.impl.vector.local_persistent_hnsw import PersistentData

    labels = {f"t{i}": i + 1 for i in range(5)}
    data = PersistentData(8, 5, labels, {v: k for k, v in labels.items()}, {})
    data.max_seq_id = 70000
    (HERE / "persistent_data.pickle").write_bytes(pickle.dumps(data, pickle.HIGHEST_PROTOCOL))


def old_chroma() -> None:
    import chromadb

    folder = HERE / "chroma-0.5"
    shutil.rmtree(folder, ignore_errors=True)
    client = chromadb.PersistentClient(str(folder))
    hnsw = {"space": "cosine", "sync_threshold": 10, "batch_size": 5, "M": 4}
    made = client.create_collection(
        "old", metadata={f"hnsw:{key}": value for key, value in hnsw.items()}
    )
    vectors = VECTORS.tolist()
    for i in range(0, 24, 4):
        made.add(
            ids=[f"t{j}" for j in range(i, i + 4)],
            embeddings=vectors[i : i + 4],
            documents=[f"document {j}" for j in range(i, i + 4)],
            metadatas=[{"n": j, "b": j % 2 == 0} for j in range(i, i + 4)],
        )
    made.delete(ids=["t1"])
    made.update(ids=["t2"], embeddings=vectors[32:33], metadatas=[{"n": 1.5}])
    made.upsert(ids=["t3", "u"], embeddings=vectors[33:35], metadatas=[{"x": "y"}, {"x": "z"}])
    keep("chroma-0.5", [made])
    shrink(folder)


def shrink(folder: Path) -> None:
    """A small file, without the texts of migrations, and without what was in memory."""
    with sqlite3.connect(folder / "chroma.sqlite3") as database:
        database.execute("DELETE FROM migrations")
        database.execute("DELETE FROM embedding_fulltext_search")
        database.execute("PRAGMA page_size = 512")
    with sqlite3.connect(folder / "chroma.sqlite3", isolation_level=None) as database:
        database.execute("PRAGMA page_size = 512")
        database.execute("VACUUM")
    for path in folder.glob("*/header.bin"):
        clear(path.parent)


def clear(folder: Path) -> None:
    """Zeros where Chroma leaves what was in memory: rows that are not in use, of which some are
    kept, and lengths that are no lengths."""
    _, _, _, n, size = struct.unpack_from("<i4Q", (folder / "header.bin").read_bytes())
    rows = (folder / "data_level0.bin").read_bytes()
    (folder / "data_level0.bin").write_bytes(
        rows[: n * size].ljust(min(2 * n * size, len(rows)), b"\0")
    )
    lengths = np.fromfile(folder / "length.bin", np.float32)
    lengths = lengths[: 2 * n]
    lengths[n:] = 0
    if not ((lengths[:n] > 0.1) & (lengths[:n] < 100)).all():
        lengths[:] = 0
    lengths.tofile(folder / "length.bin")


if __name__ == "__main__":
    {"faiss": with_faiss, "chroma": with_chroma, "old_chroma": old_chroma}[sys.argv[1]]()
