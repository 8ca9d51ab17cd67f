"""What `index`, `search` and `ask` share: the library, its embedding, how passages are shown."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abi import _platform
from abi.cli._common import Bar, check_model, printable
from abi.errors import FormatError, InputError, LockedError

if TYPE_CHECKING:
    from abi.generate import Model
    from abi.rag import Embedder, Library, Passage

__all__ = ["add_library", "add_search", "find", "loaded", "opened", "reference", "shown"]

_CHARACTERS = 700  # of a passage that is shown
_CANDIDATES = 50


def add_library(parser: argparse.ArgumentParser) -> None:
    """Which library, and what makes its vectors."""
    parser.add_argument(
        "--library", metavar="FOLDER",
        help="the database (ABI_LIBRARY, or a folder of this user)",
    )  # fmt: skip
    parser.add_argument("--collection", default="documents", metavar="NAME", help="of it")
    parser.add_argument(
        "--embed-model", metavar="MODEL",
        help="a GGUF embedding model (default: the static embedding that ships)",
    )  # fmt: skip
    for name, what in (("query", "questions"), ("document", "documents")):
        parser.add_argument(
            f"--{name}-prompt", metavar="TEXT",
            help=f"what the embedding model wants before {what} (what its file says)",
        )  # fmt: skip


def add_search(parser: argparse.ArgumentParser, k: int) -> None:
    """How passages are found."""
    parser.add_argument("-k", type=int, default=k, metavar="N", help=f"passages ({k})")
    parser.add_argument(
        "--mode", choices=["hybrid", "text", "vector"], default="hybrid",
        help="by words and meaning, by words, by meaning (hybrid)",
    )  # fmt: skip
    parser.add_argument(
        "--rerank-model", metavar="MODEL", help="a GGUF reranker that orders the best passages"
    )


@contextmanager
def opened(args: argparse.Namespace, *, write: bool) -> Iterator[Library]:
    """The library; where nothing was indexed yet, an error that says how to."""
    from abi.rag import Library
    from abi.store import open

    folder = (
        args.library or os.environ.get("ABI_LIBRARY") or str(_platform.data_folder() / "library")
    )
    if write:
        Path(folder).parent.mkdir(parents=True, exist_ok=True)
    elif not Path(folder).is_dir():
        raise InputError(f"{folder}: nothing was indexed yet; begin with: abi index FOLDER")
    try:
        with open(folder, "w" if write else "r") as db:
            if not write and args.collection not in db:
                raise InputError(f"{folder}: no collection {args.collection!r}; abi index makes it")
            yield Library(db, embedder_of(args), args.collection)
    except LockedError as error:
        holder = str(error).partition(";")[0]
        raise InputError(f"{holder}; wait for it, or end it") from None
    except FormatError as error:
        if not str(error).startswith(folder):
            raise  # of a model, say
        cure = f"abi db check {folder} --repair mends what follows from the rest; else delete it"
        raise InputError(f"{error}; {cure} and index again") from None


def embedder_of(args: argparse.Namespace) -> Embedder:
    """The static embedding, or a model that was asked for."""
    if args.embed_model is None:
        if args.query_prompt is not None or args.document_prompt is not None:
            raise InputError("--query-prompt and --document-prompt are for an --embed-model")
        from abi.embedding import StaticEmbedding

        found: Embedder = StaticEmbedding.default()
        return found
    from abi.rag import ModelEmbedder

    name = Path(args.embed_model).name.removesuffix(".gguf")
    model = loaded(args.embed_model)
    return ModelEmbedder(model, name, args.query_prompt, args.document_prompt)


def loaded(name: str, **options: Any) -> Model:
    """A model by the name of its file, or of one that was pulled."""
    from abi.generate import load

    check_model(name)
    with Bar("load", "B") as bar:
        return load(name, progress=bar.update, **options)


def find(args: argparse.Namespace, library: Library, question: str) -> list[Passage]:
    """The passages for a question."""
    rerank = None
    if args.rerank_model is not None:
        model = loaded(args.rerank_model)

        def rerank(query: str, texts: Sequence[str]) -> Sequence[float]:
            scores: list[float] = model.rerank(query, texts, truncate=True).tolist()
            return scores

    return library.search(question, args.k, mode=args.mode, rerank=rerank, candidates=_CANDIDATES)


def reference(number: int, passage: Passage, at: str | None = None) -> str:
    """A line that says where a passage is, or what is quoted of it."""
    under = " > ".join(dict.fromkeys(filter(None, (passage.title, *passage.headings))))
    place = os.path.relpath(passage.path) if _is_near(passage.path) else passage.path
    shown = (at or passage.place).replace(passage.path, place, 1)
    return printable(f"[{number}] {shown}{'  ' + under if under else ''}")


def shown(text: str) -> str:
    """A passage as it is printed, not too long."""
    whole = text if len(text) <= _CHARACTERS else f"{text[:_CHARACTERS]} ..."
    return "\n".join(map(printable, whole.split("\n")))


def _is_near(path: str) -> bool:
    return Path(path).is_relative_to(Path.cwd())
