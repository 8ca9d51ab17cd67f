"""Talk with a model.

On a terminal it is a conversation: a line ending in a backslash goes on, and so does text
between triple quotes; /help lists the commands, Ctrl-C stops an answer, Ctrl-D leaves. Standard
input that is no terminal is one prompt, of which the answer goes to standard output.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from abi.cli._chat_commands import COMMANDS, Leave, obey
from abi.cli._chat_input import Lines
from abi.cli._chat_session import Session, Style
from abi.cli._common import (
    add_json,
    add_model,
    load_model,
    model_name,
    print_json,
    read_file,
    read_text,
    stdin_waits,
)
from abi.cli._errors import PARAMETERS as COMMON
from abi.cli._errors import one_line, say
from abi.cli._generation_options import (
    add_constraint_arguments,
    add_draft_arguments,
    constraint,
    draft_options,
)
from abi.cli._sampling_options import FLAGS, add_sampling_arguments, sampling_options
from abi.errors import AbiError, InputError

if TYPE_CHECKING:
    from abi.generate import Model

# Inside a conversation options are set, not given.
_NAMES = {**COMMON, **{name: f"/set {name}" for name in (*FLAGS, "max_tokens", "stop")}}


STRAY = "the prompt goes with -p"


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
        "-n", "--max-tokens", "--n-predict", "--predict", type=int, metavar="N",
        help="at most N tokens an answer (-1: to its end)",
    )  # fmt: skip
    parser.add_argument("--stop", action="append", default=[], help="end at this text; repeatable")
    parser.add_argument("--no-history", action="store_true", help="keep no file of what was typed")
    parser.add_argument("-v", "--verbose", action="store_true", help="timings on standard error")
    add_json(parser)
    add_draft_arguments(parser.add_argument_group("speed"))
    add_constraint_arguments(parser)
    add_sampling_arguments(parser)


def run(args: argparse.Namespace) -> None:
    if args.file is not None and args.model is not None:
        raise InputError("the model is given twice: as an argument and by -m")
    args.model = args.model or args.file
    most = None if args.max_tokens == -1 else args.max_tokens
    options = sampling_options(args) | {"max_tokens": most, "stop": args.stop}
    template = None if args.chat_template_file is None else read_file(args.chat_template_file)
    variables = _variables(args.template_arg)
    talks = args.prompt is None and sys.stdin is not None and not stdin_waits()
    prompt = "" if talks else read_text("-" if args.prompt is None else args.prompt)
    model = load_model(args)
    options |= draft_options(args, model)
    session = Session(model, template, variables, args.system, options, constraint(args, model))
    if talks:
        _talk(args, session)
        return
    if not prompt.strip():
        raise InputError("the prompt is empty; give one by -p or on standard input")
    session.ask(prompt)
    _answer(args, session, keeps=False)


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
    say(f"{model_name(args)}: {_about(session.model)}; /help helps, Ctrl-D leaves")
    with Lines(keep=not args.no_history, words=COMMANDS) as lines:
        while (text := lines.read()) is not None:
            try:
                if text.startswith("/") and not text.startswith("//"):
                    if obey(text, session):
                        _answer(args, session, keeps=True)
                elif text.strip():
                    session.ask(text.removeprefix("/") if text.startswith("//") else text)
                    _answer(args, session, keeps=True)
            except Leave:
                return
            except BrokenPipeError:  # nobody reads the answers any more
                raise
            except (AbiError, OSError, MemoryError) as error:
                say(f"error: {one_line(error, _NAMES)}")


def _about(model: Model) -> str:
    return f"{model.config.arch.name}, context of {model.n_ctx} tokens"


def _answer(args: argparse.Namespace, session: Session, *, keeps: bool) -> None:
    """The next answer; Ctrl-C ends it, and with `keeps` nothing else."""
    generation = session.answer(None if args.json else Style.of(sys.stdout), keeps=keeps)
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
        say(
            f"abi chat: the context of {n_ctx} tokens is full; /clear or /undo, or start with "
            f"--ctx {2 * n_ctx}"
        )
    if args.verbose:
        t = generation.timings
        say(
            f"prompt {t.prefill_tokens} tokens, {t.prefill_rate:.1f} tok/s; generated "
            f"{len(generation.tokens)}, {t.decode_rate:.1f} tok/s; ended by "
            f"{generation.finish_reason}"
        )
