"""Options of verbs that generate, beyond sampling: drafts, full contexts, computed prompts."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abi.errors import InputError

if TYPE_CHECKING:
    from abi.generate import Model
    from abi.grammar import Matcher

__all__ = [
    "add_constraint_arguments", "add_generation_arguments", "constraint", "generation_options",
    "keep_prompt", "recall_prompt",
]  # fmt: skip


def add_generation_arguments(parser: argparse.ArgumentParser) -> None:
    """Drafts and shifts."""
    group = parser.add_argument_group("speed and length")
    drafts = group.add_mutually_exclusive_group()
    drafts.add_argument(
        "-md", "--model-draft", metavar="MODEL", help="a small model that guesses ahead"
    )
    drafts.add_argument(
        "--lookup", action="store_true", help="guess that words are followed as they were before"
    )
    group.add_argument(
        "--draft-max", type=int, default=8, metavar="N", help="tokens guessed at a time (8)"
    )
    group.add_argument(
        "--context-shift", action="store_true", help="forget the older half of a full context"
    )
    group.add_argument(
        "--keep", type=int, metavar="N", help="tokens of the prompt that are never forgotten"
    )
    group.add_argument(
        "--prompt-cache", metavar="FILE", help="keep the computed prompt here, and start from it"
    )


def add_constraint_arguments(parser: argparse.ArgumentParser) -> None:
    """What the text must fit."""
    kinds = parser.add_argument_group("constrained output").add_mutually_exclusive_group()
    kinds.add_argument("-j", "--json-schema", metavar="JSON", help="write JSON that fits a schema")
    kinds.add_argument("--json-schema-file", metavar="FILE", help="the same, from a file")
    kinds.add_argument("--grammar", metavar="GBNF", help="write what fits a grammar")
    kinds.add_argument("--grammar-file", metavar="FILE", help="the same, from a file")


def constraint(args: argparse.Namespace, model: Model) -> Matcher | None:
    """The constraint that was asked for."""
    grammar, schema = args.grammar, args.json_schema
    if args.grammar_file is not None:
        grammar = _read(args.grammar_file)
    if args.json_schema_file is not None:
        schema = _read(args.json_schema_file)
    if grammar is not None:
        return model.constrain(grammar=grammar)
    if schema is None:
        return None
    try:
        parsed = json.loads(schema)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the JSON schema is no JSON: {error}") from None
    return model.constrain(json_schema=parsed)


def _read(path: str) -> str:
    try:
        return Path(path).read_text("utf-8")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; name a file that can be read") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 at byte {error.start}") from None


def generation_options(args: argparse.Namespace, model: Model) -> dict[str, Any]:
    """Keywords of `Model.generate`."""
    options: dict[str, Any] = {"context_shift": args.context_shift, "n_keep": args.keep}
    if args.lookup:
        from abi.generate import PromptLookup

        options["draft"] = PromptLookup()
    elif args.model_draft is not None:
        from abi.generate import load

        small = load(args.model_draft, n_ctx=args.ctx, kernels=args.kernels)
        options["draft"] = small.draft_for(model)
    return options | {"draft_tokens": args.draft_max}


def recall_prompt(args: argparse.Namespace, model: Model) -> None:
    """Read `--prompt-cache`, if the file is there."""
    if args.prompt_cache is not None and not Path(args.prompt_cache).parent.is_dir():
        raise InputError(f"{args.prompt_cache}: its folder is not there; choose another file")
    if args.prompt_cache is not None and Path(args.prompt_cache).exists():
        model.load_prompt_cache(args.prompt_cache)


def keep_prompt(args: argparse.Namespace, model: Model) -> None:
    """Write `--prompt-cache`, unless the context was shifted."""
    if args.prompt_cache is None or not model.prompt_cache.tokens:
        return
    try:
        model.save_prompt_cache(args.prompt_cache)
    except OSError as error:
        raise InputError(f"{args.prompt_cache}: {error.strerror}; choose another file") from None
