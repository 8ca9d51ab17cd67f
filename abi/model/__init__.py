"""Transformers: configuration, weights, cache and the forward pass, through the kernel seam."""

from abi.model._arch import ARCHITECTURES, Architecture
from abi.model._batch import Batch
from abi.model._cache import KVCache
from abi.model._config import Config
from abi.model._load import Progress, load_transformer
from abi.model._rope import Rope
from abi.model._transformer import Transformer

__all__ = [
    "ARCHITECTURES",
    "Architecture",
    "Batch",
    "Config",
    "KVCache",
    "Progress",
    "Rope",
    "Transformer",
    "load_transformer",
]
