"""Points into and out of files: JSON lines, .npy, Parquet, and what other stores wrote.

format    read                                    written
jsonl     an object a line                        the same
npy       rows of an array; FILE.jsonl beside it  both
          has their ids, payloads and texts
parquet   a column each of ids, vectors, texts;   the same, payloads as JSON
          all others are payloads                 (needs pyarrow)
faiss     write_index                             -
hnswlib   save_index; its dimension is asked for  -
chroma    the folder of a PersistentClient        -
"""

from abi.store.exchange._formats import FORMATS, read_points, write_points
from abi.store.exchange._jsonl import json_line, read_jsonl
from abi.store.exchange._source import Source

__all__ = ["FORMATS", "Source", "json_line", "read_jsonl", "read_points", "write_points"]
