"""What several verbs share: model options, standard input, JSON, progress bars."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from abi.errors import InputError

if TYPE_CHECKING:
    from abi.generate import Model

__all__ = ["Bar", "add_json", "add_model", "load_model", "model_name", "print_json", "read_text"]


def add_model(parser: argparse.ArgumentParser, *, compute: bool) -> None:
    """`-m`, and with `compute` what else `abi.load` takes."""
    parser.add_argument("-m", "--model", help="a GGUF file (default: the tiny model that ships)")
    parser.add_argument("--tokenizer-pre", metavar="NAME", help="override the pre-tokeniser")
    if compute:
        parser.add_argument("-c", "--ctx", type=int, metavar="N", help="context window in tokens")
        parser.add_argument(
            "--weights", choices=["auto", "float32", "blocks"], default="auto",
            help="expand weights once, or a part at each use (default: auto)",
        )  # fmt: skip
        parser.add_argument("--kernels", metavar="NAME", help="numpy, native (default: automatic)")


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")


def load_model(args: argparse.Namespace) -> Model:
    """The model that `-m` names."""
    from abi.generate import load

    with Bar("load", "B") as bar:
        return load(
            args.model,
            n_ctx=args.ctx,
            weights=args.weights,
            kernels=args.kernels,
            tokenizer_pre=args.tokenizer_pre,
            progress=bar.update,
        )


def model_name(args: argparse.Namespace) -> str:
    return args.model or "tiny (ships with abi)"


def print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, default=_plain))


def read_text(value: str) -> str:
    """The argument itself, or standard input for "-"; bytes that are not UTF-8 survive."""
    if value != "-":
        return value
    return sys.stdin.buffer.read().decode("utf-8", "surrogateescape")


class Bar:
    """A progress bar on stderr that appears after a second."""

    def __init__(self, what: str, unit: str) -> None:
        self._what, self._unit = what, unit
        self._bar: Any = None

    def __enter__(self) -> Bar:
        return self

    def update(self, done: int, total: int) -> None:
        if self._bar is None:
            try:
                from tqdm import tqdm
            except ImportError:  # a bar is worth no failure
                return

            self._bar = tqdm(
                total=total, desc=self._what, unit=self._unit, unit_scale=True,
                delay=1, leave=False, file=sys.stderr,
            )  # fmt: skip
        self._bar.update(done - self._bar.n)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()


def _plain(value: Any) -> Any:
    """NumPy values for `json`."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise InputError(f"{type(value).__name__} has no JSON form")
