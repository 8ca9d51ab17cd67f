"""Talk with a model.

On a terminal it is a conversation: a line ending in a backslash goes on, and so does text
between triple quotes; /help lists the commands, Ctrl-C stops an answer, Ctrl-D leaves. Standard
input that is no terminal is one prompt, of which the answer goes to standard output.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abi.cli._chat_commands import COMMANDS, Leave, obey
from abi.cli._chat_input import Lines
from abi.cli._chat_session import Session, Style
from abi.cli._common import add_json, add_model, load_model, model_name, print_json, read_text
from abi.cli._sampling_options import add_sampling_arguments, sampling_options
from abi.errors import AbiError, InputError

if TYPE_CHECKING:
    from abi.generate import Model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", metavar="MODEL", help="a GGUF file, as -m")
    add_model(parser, compute=True)
    parser.add_argument("-p", "--prompt", help="answer this and leave; - reads standard input")
    parser.add_argument("--system", metavar="TEXT", help="what the model is told first")
    parser.add_argument(
        "--chat-template-file", metavar="FILE", help="a Jinja2 template in place of the model's own"
    )
    parser.add_argument(
        "--template-arg", action="append", default=[], metavar="NAME=JSON",
        help="a variable of the template, such as enable_thinking=false; repeatable",
    )  # fmt: skip
    parser.add_argument(
        "-n", "--max-tokens", type=int, metavar="N", help="at most N tokens an answer"
    )
    parser.add_argument("--stop", action="append", default=[], help="end at this text; repeatable")
    parser.add_argument("--no-history", action="store_true", help="keep no file of what was typed")
    parser.add_argument("-v", "--verbose", action="store_true", help="timings on standard error")
    add_json(parser)
    add_sampling_arguments(parser)


def run(args: argparse.Namespace) -> None:
    if args.file is not None and args.model is not None:
        raise InputError("the model is given twice: as an argument and by -m")
    args.model = args.model or args.file
    options = sampling_options(args) | {"max_tokens": args.max_tokens, "stop": args.stop}
    template, variables = _template(args.chat_template_file), _variables(args.template_arg)
    talks = args.prompt is None and sys.stdin is not None and sys.stdin.isatty()
    prompt = "" if talks else read_text("-" if args.prompt is None else args.prompt)
    session = Session(load_model(args), template, variables, args.system, options)
    if talks:
        _talk(args, session)
        return
    if not prompt.strip():
        raise InputError("the prompt is empty; give one by -p or on standard input")
    session.ask(prompt)
    _answer(args, session)


def _template(path: str | None) -> str | None:
    return None if path is None else Path(path).read_text(encoding="utf-8", errors="replace")


def _variables(texts: list[str]) -> dict[str, Any]:
    variables = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            variables[name] = json.loads(value)
        except (ValueError, RecursionError):
            raise InputError(
                f"--template-arg {text}: expected NAME=JSON, such as enable_thinking=false"
            ) from None
    return variables


def _talk(args: argparse.Namespace, session: Session) -> None:
    """Turn after turn, until the person leaves."""
    print(
        f"{model_name(args)}: {_about(session.model)}; /help helps, Ctrl-D leaves", file=sys.stderr
    )
    with Lines(keep=not args.no_history, words=COMMANDS) as lines:
        while (text := lines.read()) is not None:
            try:
                if text.startswith("/") and not text.startswith("//"):
                    if obey(text, session):
                        _answer(args, session)
                elif text.strip():
                    session.ask(text.removeprefix("/") if text.startswith("//") else text)
                    _answer(args, session)
            except Leave:
                return
            except (AbiError, OSError) as error:
                print(f"error: {' '.join(str(error).split())}", file=sys.stderr)


def _about(model: Model) -> str:
    return f"{model.config.arch.name}, context of {model.n_ctx} tokens"


def _answer(args: argparse.Namespace, session: Session) -> None:
    generation = session.answer(None if args.json else Style.of(sys.stdout))
    if args.json:
        print_json(
            {
                "model": model_name(args),
                "message": generation.message.to_dict(),
                "finish_reason": generation.finish_reason,
                "prompt_tokens": len(generation.prompt_tokens),
                "tokens": len(generation.tokens),
                "prefill_tok_s": round(generation.timings.prefill_rate, 2),
                "decode_tok_s": round(generation.timings.decode_rate, 2),
            }
        )
        sys.stdout.flush()
    if generation.finish_reason == "context":
        n_ctx = session.model.n_ctx
        print(
            f"abi chat: the context of {n_ctx} tokens is full; /clear or /undo, or start with "
            f"--ctx {2 * n_ctx}",
            file=sys.stderr,
        )
    if args.verbose:
        t = generation.timings
        print(
            f"prompt {t.prefill_tokens} tokens, {t.prefill_rate:.1f} tok/s; generated "
            f"{len(generation.tokens)}, {t.decode_rate:.1f} tok/s; ended by "
            f"{generation.finish_reason}",
            file=sys.stderr,
        )
