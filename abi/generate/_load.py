"""`abi.load`: from a GGUF file, or the tiny model of the package, to a `Model`."""

from __future__ import annotations

import os
from pathlib import Path

import abi
from abi.errors import FormatError, InputError
from abi.generate._model import Model
from abi.gguf import Source, read
from abi.kernels import select
from abi.model import Progress, load_transformer
from abi.tokenizer import Tokenizer

__all__ = ["load", "locate", "model_path"]

_N_BATCH = 512  # prompt tokens a block: past it the products gain nothing


def load(
    source: Source | None = None,
    *,
    n_ctx: int | None = None,
    weights: str = "auto",
    kernels: str | None = None,
    n_threads: int | None = None,
    type_k: str = "f32",
    type_v: str = "f32",
    swa_full: bool = False,
    n_batch: int = _N_BATCH,
    tokenizer_pre: str | None = None,
    progress: Progress | None = None,
) -> Model:
    """Load a model.

    Parameters
    ----------
    source : path, open binary file, bytes or name, optional
        A GGUF file, or the name of a pulled model (`owner/repo:Q4_K_M`); None takes the tiny
        model that ships with the package.
    n_ctx : int, optional
        Positions of the context window; None takes what the model was trained with.
    weights : {"auto", "float32", "blocks"}
        Expand quantised weights once (fast, 4 bytes a weight) or a part at each use (slow,
        the file's own size); "auto" expands if that takes at most 60% of the free memory.
    kernels : str, optional
        Name of the kernels; None as `abi.kernels.select` decides.
    n_threads : int, optional
        Threads of the native kernels, from now on and for all models of the process; None leaves
        them, which are at first as many as the CPUs that it may use, or `ABI_THREADS`.
    type_k, type_v : {"f32", "f16", "q8_0", "q4_0"}
        How the cache holds keys and values. float32 computes fastest here; the others take
        a half, a quarter and an eighth of its memory.
    swa_full : bool
        Layers with a sliding window keep all positions in the cache and not only those they
        need. The text is the same; what is computed can be gone back to from anywhere.
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
    NotPulledError
        If it is a model's name and the cache does not hold it; nothing is ever downloaded.
    KernelError
        If the kernels were asked for by name and cannot be used, or cannot have `n_threads`.

    Examples
    --------
    >>> import abi
    >>> abi.load().config.arch.name
    'llama'
    """
    for name, value in (("n_batch", n_batch), ("n_ctx", n_ctx), ("n_threads", n_threads)):
        if value is not None and (type(value) is not int or value < 1):
            raise InputError(f"{name}={value!r}: expected a whole number above 0")
    if not isinstance(swa_full, bool):
        raise InputError(f"swa_full={swa_full!r}: expected True or False")
    file, chosen = read(locate(source)), select(kernels)
    if n_threads is not None:
        chosen.set_threads(n_threads)
    transformer = load_transformer(file, chosen, weights=weights, progress=progress)
    tokenizer = Tokenizer.from_metadata(file.metadata, pre=tokenizer_pre)
    if len(tokenizer) != transformer.n_vocab:
        message = f"{len(tokenizer)} tokens but embeddings for {transformer.n_vocab}"
        raise FormatError(message, field="tokenizer.ggml.tokens", source=file.source)
    n_ctx = n_ctx or transformer.config.n_ctx_train
    learned = transformer.outside.position_embd
    if learned is not None and n_ctx > learned.shape[0]:
        raise InputError(f"n_ctx={n_ctx}: the model has learned {learned.shape[0]} positions")
    transformer.new_cache(n_ctx=1, types=(type_k, type_v))  # raises for a type that does not fit
    return Model(file, transformer, tokenizer, n_ctx, n_batch, (type_k, type_v), swa_full)


def locate(source: Source | None) -> Source:
    """What a source of `load` means, ready for `abi.gguf.read`.

    Parameters
    ----------
    source : path, open binary file, bytes or name, optional
        None is the tiny model; a text that is no file but the name of a pulled model, its path.

    Returns
    -------
    path, open binary file or bytes

    Raises
    ------
    NotPulledError
        If it is a model's name and the cache does not hold it.

    Examples
    --------
    >>> from abi.generate import locate
    >>> locate(None).name
    'tiny.gguf'
    """
    if source is None:
        return model_path()
    if not isinstance(source, str) or os.path.exists(source):
        return source
    from abi.hub import locate as in_cache  # brings urllib: half the time of all other imports

    return in_cache(source)


def model_path() -> Path:
    """Where the tiny model that ships with the package lies."""
    return Path(abi.__path__[0]) / "data" / "tiny.gguf"
