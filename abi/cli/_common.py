"""What several verbs share: model options, standard input, JSON, progress bars."""

from __future__ import annotations

import argparse
import json
import os
import sys
from time import perf_counter
from typing import TYPE_CHECKING, Any

from abi.cli._errors import say
from abi.errors import InputError

if TYPE_CHECKING:
    from abi.generate import Model
    from abi.gguf import GGUFFile

__all__ = [
    "MODEL_HELP", "Bar", "add_json", "add_model", "check_model", "load_model", "model_file",
    "model_name", "print_json", "printable", "read_bytes", "read_file", "read_text", "stdin_waits",
]  # fmt: skip


MODEL_HELP = "a GGUF file, or the name of a pulled model (default: the tiny model that ships)"

_PATIENCE = 1.0  # seconds before a bar appears


def add_model(parser: argparse.ArgumentParser, *, compute: bool) -> None:
    """`-m`, and with `compute` what else `abi.load` takes."""
    parser.add_argument("-m", "--model", help=MODEL_HELP)
    parser.add_argument("--tokenizer-pre", metavar="NAME", help="override the pre-tokeniser")
    if compute:
        parser.add_argument(
            "-c", "--ctx", "--ctx-size", type=int, metavar="N",
            help="context window in tokens (0: what the model was trained with)",
        )  # fmt: skip
        parser.add_argument(
            "--weights", choices=["auto", "float32", "blocks"], default="auto",
            help="expand weights once, or a part at each use (default: auto)",
        )  # fmt: skip
        for side in ("k", "v"):
            parser.add_argument(
                f"--cache-type-{side}", choices=["f32", "f16", "q8_0", "q4_0"], default="f32",
                help=f"how the cache holds {'keys' if side == 'k' else 'values'} (f32)",
            )  # fmt: skip
        parser.add_argument(
            "--swa-full", action="store_true",
            help="layers with a sliding window keep all positions (those that they need)",
        )  # fmt: skip
        parser.add_argument("--kernels", metavar="NAME", help="numpy, native (default: automatic)")
        parser.add_argument(
            "-t", "--threads", type=int, metavar="N",
            help="threads of the native kernels (default: the CPUs that the process may use)",
        )  # fmt: skip
        parser.add_argument(
            "--lora", action="append", default=[], metavar="FILE[:STRENGTH]",
            help="apply a LoRA adapter (strength 1); repeatable",
        )  # fmt: skip
        parser.add_argument(
            "--control-vector", action="append", default=[], metavar="FILE[:STRENGTH]",
            help="add a control vector (strength 1); repeatable",
        )  # fmt: skip
        parser.add_argument(
            "--control-vector-layer-range", nargs=2, type=int, metavar=("FIRST", "LAST"),
            help="only in these layers",
        )  # fmt: skip


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")


def load_model(args: argparse.Namespace) -> Model:
    """The model that `-m` names."""
    from abi.generate import load

    check_model(args.model)
    with Bar("load", "B") as bar:
        model = load(
            args.model,
            n_ctx=args.ctx or None,
            weights=args.weights,
            kernels=args.kernels,
            n_threads=args.threads,
            tokenizer_pre=args.tokenizer_pre,
            type_k=args.cache_type_k,
            type_v=args.cache_type_v,
            swa_full=args.swa_full,
            progress=bar.update,
        )
    if args.lora:
        model.set_adapters([_with_strength(value) for value in args.lora])
    if args.control_vector_layer_range is not None and not args.control_vector:
        raise InputError("--control-vector-layer-range is for --control-vector, which is missing")
    if args.control_vector:
        vectors = [_with_strength(value) for value in args.control_vector]
        layers = args.control_vector_layer_range
        model.set_control(vectors, layers=None if layers is None else (layers[0], layers[1]))
    return model


def _with_strength(value: str) -> tuple[str, float]:
    """FILE:STRENGTH, where what follows the last colon is a number; else FILE alone."""
    path, _, number = value.rpartition(":")
    try:
        return (path, float(number)) if path else (value, 1.0)
    except ValueError:
        return value, 1.0


def model_name(args: argparse.Namespace) -> str:
    return "tiny (ships with abi)" if args.model is None else str(args.model)


def model_file(args: argparse.Namespace) -> GGUFFile:
    """The file that the model argument names, without loading weights."""
    from abi.generate import locate
    from abi.gguf import read

    check_model(args.model)
    return read(locate(args.model))


def check_model(name: str | None) -> None:
    """Raise unless it is none, a file, or may be the name of a pulled model."""
    if name is None:
        return
    try:
        os.stat(name)
        return
    except FileNotFoundError:
        pass
    except (OSError, ValueError):  # who opens it says what is wrong with it
        return
    from abi.generate import locate

    if not name.strip() or (isinstance(found := locate(name), str) and found == name):
        raise InputError(
            f"{name or repr(name)}: No such file or directory; give the path of a GGUF file, or "
            "owner/repo:QUANT of a model that abi pull fetched"
        )


def print_json(value: Any) -> None:
    """One line of JSON; NaN and infinities, which it does not know, become strings."""
    print(json.dumps(_plain(value), ensure_ascii=False, allow_nan=False))


def printable(text: str) -> str:
    """A file's text without what a terminal would obey."""
    return text if text.isprintable() else repr(text)


def read_text(value: str) -> str:
    """The argument itself, or standard input for "-", less the last line's end.

    Bytes that are not UTF-8 survive.
    """
    if value != "-":
        return value
    return read_bytes("-").decode("utf-8", "surrogateescape").removesuffix("\n")


def read_bytes(path: str) -> bytes:
    """What a file holds, or standard input for "-"."""
    if path != "-":
        with open(path, "rb") as file:
            return file.read()
    if sys.stdin is None:
        raise InputError("standard input is closed; give the text as an argument")
    return sys.stdin.buffer.read()


def read_file(path: str) -> str:
    """The text of a file of UTF-8, with or without a byte-order mark; "-" as `read_bytes`."""
    raw = read_bytes(path)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 at byte {error.start}; convert it") from None


def stdin_waits() -> bool:
    """Whether standard input is something else than a terminal."""
    return sys.stdin is not None and not sys.stdin.isatty()


class Bar:
    """A progress bar on stderr that appears after a second."""

    def __init__(self, what: str, unit: str) -> None:
        self._what, self._unit = what, unit
        self._bar: Any = None
        self._start = perf_counter()
        self._shown = sys.stderr is not None and sys.stderr.isatty()

    def __enter__(self) -> Bar:
        return self

    def update(self, done: int, total: int) -> None:
        if not self._shown or perf_counter() - self._start < _PATIENCE:
            return
        if self._bar is None:
            try:
                from tqdm import tqdm
            except ImportError:  # a bar is worth no failure
                return

            self._bar = tqdm(
                total=total, initial=done, desc=self._what, unit=self._unit, unit_scale=True,
                leave=False, file=sys.stderr,
            )  # fmt: skip
        self._bar.update(done - self._bar.n)
        if done >= total:  # out of the way of the text that follows
            self._bar.close()

    def say(self, message: str) -> None:
        """Print a line above the bar."""
        if self._bar is not None:
            self._bar.write(message, file=sys.stderr)
        else:
            say(message)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()


def _plain(value: Any) -> Any:
    """What JSON knows: NumPy values as lists and numbers, odd numbers as strings."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float) and not abs(value) < float("inf"):
        return str(value)
    return value
