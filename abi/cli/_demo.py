"""See what abi does: it reads its own documentation and answers questions from it.

Nothing is fetched and nothing is kept. A question of your own may follow.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from time import perf_counter
from typing import Any

import abi
from abi.cli._common import add_json, print_json, printable
from abi.errors import InputError

_QUESTIONS = (
    "What happens to my data when the process is killed?",
    "How do I go back to a past state of a database?",
    "How do I constrain the output to a JSON schema?",
)
_FOLDERS = ("how-to", "tutorials", "explanation")
_K = 8
_NEXT = """\
Next, with your own documents:
  abi index FOLDER            read them; again, and only what changed is read
  abi ask "a question"        the sentences that answer it, with their places
  abi search "some words"     whole passages
and with a language model (abi pull fetches one, see abi pull --help):
  abi ask -m MODEL "..."      an answer in its own words, with citations
  abi chat -m MODEL           a conversation"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("question", nargs="?", metavar="QUESTION", help="instead of those it asks")
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    from abi.embedding import StaticEmbedding
    from abi.rag import Library
    from abi.store import open

    start = perf_counter()
    folder = _documentation()
    with open(":memory:") as db:
        library = Library(db, StaticEmbedding.default())
        added = [library.add(folder / name) for name in _FOLDERS]
        files, passages = sum(one.new for one in added), sum(one.chunks for one in added)
        reading = perf_counter() - start
        if not args.json:
            print(
                f"Read abi's own documentation: {files} files, {passages} passages, "
                f"in {reading:.1f} s."
            )
        asked = [args.question] if args.question else list(_QUESTIONS)
        answers = [_answer(library, folder, question, quiet=args.json) for question in asked]
    if args.json:
        seconds = {"index": reading, "total": perf_counter() - start}
        print_json({"files": files, "passages": passages, "answers": answers, "seconds": seconds})
    else:
        print(f"\n{_NEXT}")


def _documentation() -> Path:
    """The pages that ship with the package, or those beside its source."""
    package = Path(abi.__path__[0])
    for place in (package / "data" / "docs", package.parent / "docs"):
        if (place / "how-to").is_dir():
            return place
    raise InputError(f"{package}: its documentation is not there; install abi-framework again")


def _answer(library: Any, folder: Path, question: str, quiet: bool) -> dict[str, Any]:
    start = perf_counter()
    answer = library.quotes(question, library.search(question, _K))
    seconds = perf_counter() - start
    root = f"{Path(folder).resolve().as_posix()}/"
    if not quiet:
        print(f"\n> {question}  ({1000 * seconds:.0f} ms)")
        if not answer.found:
            print("nothing found that answers this")
        for quote in answer.quotes:
            print(printable(f'  "{quote.text}" [{quote.source}]'))
        for number in range(1, len(answer.passages) + 1):
            print(printable(f"  [{number}] {answer.place(number).removeprefix(root)}"))
    return {
        "question": question,
        "quotes": [vars(quote) for quote in answer.quotes],
        "passages": [passage.to_json() for passage in answer.passages],
        "seconds": seconds,
    }
