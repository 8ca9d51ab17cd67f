"""Quantise a model file, as llama-quantize does.

TYPE is a mix, in any case: F32 F16 BF16 Q8_0 Q6_K Q5_K_M Q5_K_S Q5_1 Q5_0 Q4_K_M Q4_K_S IQ4_NL
IQ4_XS Q4_1 Q4_0 MXFP4_MOE Q3_K_L Q3_K_M IQ3_M IQ3_S Q3_K_S Q2_K Q2_0 TQ2_0 TQ1_0 Q1_0, or COPY,
which changes no tensor. The tensor types are ggml's: F16, Q8_0, Q6_K, IQ4_NL and so on.
"""

from __future__ import annotations

import argparse
from collections import Counter
from typing import TYPE_CHECKING, Any

from abi.cli._common import Bar, add_json, check_model, print_json, printable
from abi.errors import InputError

if TYPE_CHECKING:
    from abi.convert import QuantizeOptions, QuantizePlan


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "input", metavar="INPUT", help="a GGUF file, of a split model any part, or a pulled model"
    )
    parser.add_argument("output", metavar="OUTPUT", nargs="?", help="the file to write")
    parser.add_argument("type", metavar="TYPE", help="the mix, such as Q4_K_M or Q8_0")
    parser.add_argument("--output-tensor-type", metavar="TYPE", help="tensor type of output.weight")
    parser.add_argument(
        "--token-embedding-type", metavar="TYPE", help="tensor type of the token embeddings"
    )
    parser.add_argument(
        "--tensor-type", metavar="NAME=TYPE", action="append", default=[],
        help="tensor type of the tensors whose names match a regular expression; repeatable",
    )  # fmt: skip
    parser.add_argument("--leave-output-tensor", action="store_true", help="keep output.weight")
    parser.add_argument("--pure", action="store_true", help="one type for all, without the mix")
    parser.add_argument(
        "--allow-requantize", action="store_true",
        help="also change tensors that are quantised already",
    )  # fmt: skip
    parser.add_argument("--force", action="store_true", help="replace OUTPUT if it exists")
    parser.add_argument("--dry-run", action="store_true", help="print the plan, write nothing")
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    from abi.convert import plan_quantize, quantize
    from abi.generate import locate
    from abi.gguf import read

    check_model(args.input)
    options, source = _options(args), str(locate(args.input))
    if args.dry_run:
        plan = plan_quantize(read(source), args.type, options)
    elif args.output is None:
        raise InputError("name the file to write: abi quantize INPUT OUTPUT TYPE")
    else:
        with Bar("quantize", "B") as bar:
            plan = quantize(
                source, args.output, args.type, options,
                force=args.force, progress=bar.update,
            )  # fmt: skip
    if args.json:
        print_json(as_dict(plan))
        return
    if args.dry_run:
        for p in plan.tensors:
            name, old = printable(p.tensor.name), p.tensor.type.name
            print(f"{name:32} {old:>6} -> {p.type:6} {p.n_bytes:15,}")
    told = Counter((p.tensor.shape[-1], p.wanted, p.type) for p in plan.fallbacks)
    for (row, wanted, taken), n in told.items():
        what = "1 tensor" if n == 1 else f"{n} tensors"
        print(f"{what} with rows of {row}, which {wanted} cannot hold: {taken}")
    print(summary(plan))


def _options(args: argparse.Namespace) -> QuantizeOptions:
    from abi.convert import QuantizeOptions

    return QuantizeOptions(
        output_type=args.output_tensor_type,
        token_embd_type=args.token_embedding_type,
        tensor_types=[_pair(text) for text in args.tensor_type],
        leave_output=args.leave_output_tensor,
        pure=args.pure,
        allow_requantize=args.allow_requantize,
    )


def _pair(text: str) -> tuple[str, str]:
    name, _, kind = text.partition("=")
    if not name or not kind:
        raise InputError(f"--tensor-type {text}: expected NAME=TYPE, such as attn_v=Q8_0")
    return name, kind


def summary(plan: QuantizePlan) -> str:
    before, after = plan.n_bytes_before, plan.n_bytes
    ratio = before / after if after else 1.0
    return (
        f"{plan.mix.name}: {before:,} -> {after:,} bytes of tensors, "
        f"{plan.bits_per_weight:.2f} bits per weight, {ratio:.2f} times smaller"
    )


def as_dict(plan: QuantizePlan) -> dict[str, Any]:
    return {
        "mix": plan.mix.name,
        "file_type": plan.mix.file_type,
        "n_bytes_before": plan.n_bytes_before,
        "n_bytes": plan.n_bytes,
        "bits_per_weight": plan.bits_per_weight,
        "tensors": [
            {
                "name": p.tensor.name, "shape": p.tensor.shape, "from": p.tensor.type.name,
                "to": p.type, "wanted": p.wanted, "n_bytes": p.n_bytes,
            }
            for p in plan.tensors
        ],
    }  # fmt: skip
