"""llama.cpp's own vocabulary files, grammars and test texts, which are not ours to ship.

They lie in the source distribution of llama-cpp-python on PyPI. It is fetched once (not
built) and what is needed is kept under the cache folder. `ABI_TEST_CACHE` moves that folder.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

__all__ = [
    "CASELESS", "GRAMMARS", "LLAMA_CPP_PYTHON", "MORE_VOCABS", "SOURCE", "VOCABS", "cache_folder",
    "fetch", "read_cases",
]  # fmt: skip

LLAMA_CPP_PYTHON = "0.3.36"
VOCABS = ("llama-spm", "llama-bpe", "gpt-2")  # compared on the random strings too
MORE_VOCABS = (
    "qwen2", "qwen35", "starcoder", "refact", "falcon", "mpt", "command-r", "phi-3", "bert-bge",
    "deepseek-llm", "deepseek-coder", "gemma-4",
)  # fmt: skip
SOURCE = "llama-vocab.cpp"  # holds the names of the pre-tokenisers
CASELESS = ("nomic-bert-moe", "baichuan")  # llama.cpp has no test texts for these
GRAMMARS = ("arithmetic", "c", "chess", "english", "japanese", "json", "json_arr", "list")

_SEPARATOR = "\n__ggml_vocab_test__\n"


def cache_folder() -> Path:
    """Where files that tests fetch are kept between runs."""
    default = Path.home() / ".cache" / "abi-tests"
    return Path(os.environ.get("ABI_TEST_CACHE", default))


def fetch() -> Path:
    """The folder with `ggml-vocab-*.gguf`, fetched from PyPI if it is not there yet.

    Raises
    ------
    OSError
        If it cannot be fetched; the message holds pip's last line.
    """
    folder = cache_folder() / f"vocabs-{LLAMA_CPP_PYTHON}"
    if all((folder / name).exists() for name in _FILES):
        return folder
    with tempfile.TemporaryDirectory() as scratch:
        _download(scratch)
        (archive,) = Path(scratch).glob("llama_cpp_python-*.tar.gz")
        _unpack(archive, folder)
    return folder


_FILES = {SOURCE} | {
    f"ggml-vocab-{name}.gguf{end}"
    for name in VOCABS + MORE_VOCABS + CASELESS
    for end in (("",) if name in CASELESS else ("", ".inp", ".out"))
}
_FILES |= {f"{name}.gbnf" for name in GRAMMARS}


def read_cases(folder: Path, name: str) -> list[tuple[str, list[int]]]:
    """llama.cpp's own texts and the ids it gives them."""
    base = folder / f"ggml-vocab-{name}.gguf"
    texts = Path(f"{base}.inp").read_bytes().decode().split(_SEPARATOR)
    lines = Path(f"{base}.out").read_text().split("\n")
    rows = [[int(word) for word in line.split()] for line in lines]
    return list(zip(texts, rows, strict=False))


def _download(folder: str) -> None:
    name = "llama-cpp-python"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder]
    command += ["--no-binary", name, f"{name}=={LLAMA_CPP_PYTHON}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise OSError(f"cannot fetch {name} {LLAMA_CPP_PYTHON} from PyPI: {reason}")


def _unpack(archive: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as tar:
        for member in tar:
            base = member.name.rpartition("/")[2]
            source = tar.extractfile(member) if base in _FILES else None
            if source is None:
                continue
            part = folder / f"{base}.{os.getpid()}"
            part.write_bytes(source.read())
            part.replace(folder / base)
