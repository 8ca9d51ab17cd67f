"""Show what a GGUF file holds: metadata, tensors and their sizes."""

from __future__ import annotations

import argparse
from collections import Counter
from typing import TYPE_CHECKING, Any

from abi.cli._common import MODEL_HELP, add_json, model_file, model_name, print_json, printable
from abi.errors import InputError

if TYPE_CHECKING:
    from abi.gguf import GGUFFile

_MAX_TEXT = 60
_MAX_ITEMS = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", metavar="MODEL", help=MODEL_HELP)
    parser.add_argument("-m", "--model", help="the same")
    parser.add_argument("-t", "--tensors", action="store_true", help="list the tensors too")
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    if args.file is not None and args.model is not None:
        raise InputError("the model is given twice: as an argument and by -m")
    args.model = args.file if args.model is None else args.model
    file = model_file(args)
    if args.json:
        print_json(_as_dict(file))
        return
    n_params = sum(tensor.n_elements for tensor in file.tensors.values())
    print(f"{model_name(args)}: GGUF version {file.version}")
    print(f"{len(file.tensors)} tensors, {n_params:,} parameters, {file.n_bytes:,} bytes")
    for name, (count, n_bytes) in _by_type(file).items():
        print(f"  {name:8} {count:5} tensors {n_bytes:15,} bytes")
    print(f"{len(file.metadata)} metadata entries")
    for key, value in file.metadata.items():
        print(f"  {printable(key)} = {_short(value)}")
    if args.tensors:
        for tensor in file.tensors.values():
            shape = " x ".join(map(str, tensor.shape))
            name, kind = printable(tensor.name), tensor.type.name
            print(f"  {name:32} {kind:8} {shape:>16} {tensor.n_bytes:15,}")


def _as_dict(file: GGUFFile) -> dict[str, Any]:
    return {
        "source": file.source,
        "version": file.version,
        "alignment": file.alignment,
        "n_bytes": file.n_bytes,
        "metadata": file.metadata,
        "tensors": [
            {"name": t.name, "type": t.type.name, "shape": t.shape, "n_bytes": t.n_bytes}
            for t in file.tensors.values()
        ],
    }


def _by_type(file: GGUFFile) -> dict[str, tuple[int, int]]:
    counts = Counter(tensor.type.name for tensor in file.tensors.values())
    sizes: Counter[str] = Counter()
    for tensor in file.tensors.values():
        sizes[tensor.type.name] += tensor.n_bytes
    return {name: (n, sizes[name]) for name, n in counts.most_common()}


def _short(value: Any) -> str:
    if isinstance(value, str):
        text = repr(value)
        return (
            text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}... ({len(value)} characters)"
        )
    if hasattr(value, "__len__"):
        items = ", ".join(_short(item) for item in value[:_MAX_ITEMS])
        more = f", ... ({len(value)})" if len(value) > _MAX_ITEMS else ""
        return f"[{items}{more}]"
    return str(value)
