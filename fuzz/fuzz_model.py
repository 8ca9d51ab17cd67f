"""Fuzz loading: everything between a GGUF file and a model that can be asked.

Invariant: any bytes give a model that computes, or an error of abi's own tree that is no
sign of a mistake of ours.
"""

import sys

import atheris

with atheris.instrument_imports(include=["abi.model", "abi.tokenizer", "abi.generate"]):
    import abi
    import abi.generate
    from abi.errors import ContextLengthError, FormatError, InputError, UnsupportedError


def one_input(data: bytes) -> None:
    try:
        model = abi.load(data, kernels="numpy", n_ctx=16)
    except (FormatError, UnsupportedError):
        return
    try:
        model.embed("a b", pooling="mean")
        if model.transformer.outside.cls_output is not None:
            model.rerank("a", ["b"])
        model.generate("a b</s>", max_tokens=2, temperature=0).read()
        model.generate(b"\xff", max_tokens=2, seed=1, parse_special=True).read()
    except (ContextLengthError, InputError, FormatError, UnsupportedError):
        return


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
