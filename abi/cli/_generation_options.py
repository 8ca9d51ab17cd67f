"""Options of verbs that generate, beyond sampling: drafts, full contexts, computed prompts."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abi.cli._common import check_model, read_file
from abi.errors import AbiError, InputError

if TYPE_CHECKING:
    from abi.generate import Model
    from abi.grammar import Matcher

__all__ = [
    "add_constraint_arguments", "add_draft_arguments", "add_generation_arguments",
    "constraint", "draft_options", "generation_options", "keep_prompt", "recall_prompt",
]  # fmt: skip


def add_generation_arguments(parser: argparse.ArgumentParser) -> None:
    """Drafts and shifts."""
    group = parser.add_argument_group("speed and length")
    add_draft_arguments(group)
    group.add_argument(
        "--context-shift", action="store_true", help="forget the older half of a full context"
    )
    group.add_argument(
        "--keep", type=int, metavar="N", help="tokens of the prompt that are never forgotten"
    )
    group.add_argument(
        "--prompt-cache", metavar="FILE", help="keep the computed prompt here, and start from it"
    )


def add_draft_arguments(group: argparse._ArgumentGroup) -> None:
    """What guesses ahead."""
    drafts = group.add_mutually_exclusive_group()
    drafts.add_argument(
        "-md", "--model-draft", metavar="MODEL", help="a small model that guesses ahead"
    )
    drafts.add_argument(
        "--lookup", action="store_true", help="guess that words are followed as they were before"
    )
    group.add_argument("--draft-max", type=int, metavar="N", help="tokens guessed at a time (8)")


def add_constraint_arguments(parser: argparse.ArgumentParser) -> None:
    """What the text must fit."""
    kinds = parser.add_argument_group("constrained output").add_mutually_exclusive_group()
    kinds.add_argument("-j", "--json-schema", metavar="JSON", help="write JSON that fits a schema")
    kinds.add_argument(
        "--json-schema-file", metavar="FILE", help="the same, from a file; - reads standard input"
    )
    kinds.add_argument("--grammar", metavar="GBNF", help="write what fits a grammar")
    kinds.add_argument(
        "--grammar-file", metavar="FILE", help="the same, from a file; - reads standard input"
    )


def constraint(args: argparse.Namespace, model: Model) -> Matcher | None:
    """The constraint that was asked for, at the beginning of a text."""
    grammar, schema = args.grammar, args.json_schema
    if args.grammar_file is not None:
        grammar = read_file(args.grammar_file)
    if args.json_schema_file is not None:
        schema = read_file(args.json_schema_file)
    if grammar is not None:
        return model.constrain(grammar=grammar)
    if schema is None:
        return None
    try:
        parsed = json.loads(schema)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the JSON schema is no JSON: {error}") from None
    return model.constrain(json_schema=parsed)


def generation_options(args: argparse.Namespace, model: Model) -> dict[str, Any]:
    """Keywords of `Model.generate`."""
    if args.keep is not None and not args.context_shift:
        raise InputError("--keep is for --context-shift, which is missing")
    shift = {"context_shift": args.context_shift, "n_keep": args.keep}
    return shift | draft_options(args, model)


def draft_options(args: argparse.Namespace, model: Model) -> dict[str, Any]:
    """Those of a draft, if there is one."""
    options: dict[str, Any] = {}
    if args.lookup:
        from abi.generate import PromptLookup

        options["draft"] = PromptLookup()
    elif args.model_draft is not None:
        from abi.generate import load

        check_model(args.model_draft)
        small = load(args.model_draft, n_ctx=args.ctx or None, kernels=args.kernels)
        options["draft"] = small.draft_for(model)
    if args.draft_max is not None and not options:
        raise InputError("--draft-max is for --lookup or --model-draft, which is missing")
    return options if args.draft_max is None else options | {"draft_tokens": args.draft_max}


def recall_prompt(args: argparse.Namespace, model: Model) -> None:
    """Read `--prompt-cache`, if the file is there."""
    path = args.prompt_cache
    if path is None:
        return
    if not path or not Path(path).parent.is_dir():
        raise InputError(f"--prompt-cache {path!r}: its folder is not there; name another file")
    if Path(path).exists():
        try:
            model.load_prompt_cache(path)
        except AbiError as error:
            raise InputError(f"--prompt-cache: {error}; remove it, or name another file") from None


def keep_prompt(args: argparse.Namespace, model: Model) -> None:
    """Write `--prompt-cache`, unless the context was shifted."""
    if args.prompt_cache is not None and model.prompt_cache.tokens:
        model.save_prompt_cache(args.prompt_cache)
