"""`abi.load`: from a GGUF file, or the tiny model of the package, to a `Model`."""

from __future__ import annotations

from pathlib import Path

import abi
from abi.errors import FormatError, InputError
from abi.generate._model import Model
from abi.gguf import Source, read
from abi.kernels import select
from abi.model import Progress, load_transformer
from abi.tokenizer import Tokenizer

__all__ = ["load", "model_path"]

_N_BATCH = 512  # prompt tokens a block: past it the products gain nothing


def load(
    source: Source | None = None,
    *,
    n_ctx: int | None = None,
    weights: str = "auto",
    kernels: str | None = None,
    n_batch: int = _N_BATCH,
    tokenizer_pre: str | None = None,
    progress: Progress | None = None,
) -> Model:
    """Load a model.

    Parameters
    ----------
    source : path, open binary file or bytes, optional
        A GGUF file; None takes the tiny model that ships with the package.
    n_ctx : int, optional
        Positions of the context window; None takes what the model was trained with.
    weights : {"auto", "float32", "blocks"}
        Expand quantised weights once (fast, 4 bytes a weight) or a part at each use (slow,
        the file's own size); "auto" expands if that takes at most 60% of the free memory.
    kernels : str, optional
        Name of the kernels; None as `abi.kernels.select` decides.
    n_batch : int
        Prompt tokens processed at a time.
    tokenizer_pre : str, optional
        Pre-tokeniser to use instead of the one that the file names.
    progress : callable, optional
        Called with the bytes of weights read so far and in all.

    Returns
    -------
    Model

    Raises
    ------
    FormatError
        If the file is malformed.
    UnsupportedError
        If the file is well formed but its architecture, tokeniser or tensor types are not
        supported.
    InputError
        If an option is out of range.
    KernelError
        If the kernels were asked for by name and cannot be used.

    Examples
    --------
    >>> import abi
    >>> abi.load().config.arch.name
    'llama'
    """
    for name, value in (("n_batch", n_batch), ("n_ctx", n_ctx)):
        if value is not None and (type(value) is not int or value < 1):
            raise InputError(f"{name}={value!r}: expected a whole number above 0")
    file = read(model_path() if source is None else source)
    transformer = load_transformer(file, select(kernels), weights=weights, progress=progress)
    tokenizer = Tokenizer.from_metadata(file.metadata, pre=tokenizer_pre)
    if len(tokenizer) != transformer.n_vocab:
        message = f"{len(tokenizer)} tokens but embeddings for {transformer.n_vocab}"
        raise FormatError(message, field="tokenizer.ggml.tokens", source=file.source)
    return Model(file, transformer, tokenizer, n_ctx or transformer.config.n_ctx_train, n_batch)


def model_path() -> Path:
    """Where the tiny model that ships with the package lies."""
    return Path(abi.__path__[0]) / "data" / "tiny.gguf"
