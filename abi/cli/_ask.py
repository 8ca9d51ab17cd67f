"""Ask a question of the documents that were indexed.

Without a model the sentences that answer it are quoted, each with the number of its source, and
the lines where they stand. With one (-m) it writes the answer from the passages that fit in its
context, and cites them.
"""

from __future__ import annotations

import argparse
import sys
from time import perf_counter
from typing import TYPE_CHECKING, Any

from abi.cli._chat_session import Style
from abi.cli._common import MODEL_HELP, add_json, print_json, printable, read_text
from abi.cli._library import add_library, add_search, find, loaded, opened, reference

if TYPE_CHECKING:
    from abi.rag import Library, Passage

# Of models that only continue texts.
_PLAIN = "{% for message in messages %}{{ message.content }}\n\n{% endfor %}Answer:"

PARAMETERS = {"k": "-k", "mode": "--mode", "max_tokens": "--max-tokens", "n_ctx": "--ctx"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("question", metavar="QUESTION", help="- reads it")
    parser.add_argument("-m", "--model", metavar="MODEL", help=MODEL_HELP.partition(" (")[0])
    parser.add_argument("-c", "--ctx", type=int, metavar="N", help="with -m: context in tokens")
    parser.add_argument(
        "-n",
        "--max-tokens",
        type=int,
        default=512,
        metavar="N",
        help="with -m: of the answer (512)",
    )
    add_search(parser, k=8)
    add_library(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    question = read_text(args.question)
    start = perf_counter()
    with opened(args, write=False) as library:
        opening = perf_counter()
        passages = find(args, library, question)
        searched = perf_counter()
        seconds = {"open": opening - start, "search": searched - opening}
        answer = _quoted if args.model is None else _written
        found = answer(args, library, question, passages)
    if args.json:
        seconds["answer"] = perf_counter() - searched
        print_json({"question": question, **found, "seconds": seconds})


def _quoted(
    args: argparse.Namespace, library: Library, question: str, passages: list[Passage]
) -> dict[str, Any]:
    answer = library.quotes(question, passages)
    if not args.json:
        if not answer.found:
            print("nothing found that answers this")
        for quote in answer.quotes:
            print(printable(f'"{quote.text}" [{quote.source}]'))
        _cite(answer.passages, [answer.place(i + 1) for i in range(len(answer.passages))])
    return {
        "answer": None,
        "quotes": [vars(quote) for quote in answer.quotes],
        "passages": [passage.to_json() for passage in answer.passages],
    }


def _written(
    args: argparse.Namespace, library: Library, question: str, passages: list[Passage]
) -> dict[str, Any]:
    from abi.rag import messages_for

    if not passages:
        if not args.json:
            print("nothing found that answers this")
        return {"answer": None, "passages": []}
    model = loaded(args.model, **({} if args.ctx is None else {"n_ctx": args.ctx}))
    length = min(args.max_tokens, model.n_ctx // 3)
    room = model.n_ctx - length - 64  # the template's own words
    messages, used = messages_for(
        question, passages, lambda text: len(model.tokenizer.encode(text)), max(room, 1)
    )
    pieces = []
    style = Style.of(sys.stdout)
    template = None if "tokenizer.chat_template" in model.metadata else _PLAIN
    answer: Any = model.chat(
        messages, stream=True, max_tokens=length, temperature=0.0, template=template
    )
    for piece in answer:
        pieces.append(str(piece))
        if not args.json:
            style.write(pieces[-1])
    if not args.json:
        print()
        _cite(used)
    return {"answer": "".join(pieces), "passages": [passage.to_json() for passage in used]}


def _cite(passages: list[Passage], places: list[str] | None = None) -> None:
    if passages:
        print()
    for number, passage in enumerate(passages, 1):
        print(reference(number, passage, places[number - 1] if places else None))
