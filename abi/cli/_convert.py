"""Make a GGUF file of a Hugging Face folder, as llama.cpp's converter does.

The folder holds config.json, the weights in safetensors and the tokeniser's files. TYPE is a mix
of abi quantize: F32, F16, BF16, Q8_0, Q4_K_M and so on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from abi.cli._common import Bar, add_json, print_json
from abi.cli._quantize import as_dict, summary


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", help="the model's folder")
    parser.add_argument(
        "output", metavar="OUTPUT", nargs="?",
        help="the file to write (default: the folder's name and .gguf, here)",
    )  # fmt: skip
    parser.add_argument(
        "--type", metavar="TYPE", help="the mix (default: BF16 where most weights are, else F16)"
    )
    parser.add_argument("--force", action="store_true", help="replace OUTPUT if it exists")
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    from abi.convert import convert

    output = args.output or f"{Path(args.folder).resolve().name}.gguf"
    with Bar("convert", "B") as bar:
        plan = convert(args.folder, output, args.type, force=args.force, progress=bar.update)
    if args.json:
        print_json({"output": output, **as_dict(plan)})
    else:
        print(f"{output}: {summary(plan)}")
