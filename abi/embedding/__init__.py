"""Texts to vectors without a network: a table with one vector a token.

The table that ships was made of all-MiniLM-L6-v2 (`docs/static_embedding`). It is some hundred
times faster than an encoder and knows no order of words; for better vectors take `abi.load`.
"""

from abi.embedding._static import StaticEmbedding
from abi.embedding._table import Table, read_table, write_table

__all__ = ["StaticEmbedding", "Table", "read_table", "write_table"]
