"""Write the reference pages from the code.

    python docs/make_reference.py            write docs/reference/*.md
    python docs/make_reference.py --check    exit 1 if a page is stale

Names come from the live `__all__`, signatures and docstrings from the source, option tables
from argparse's actions and not from its own layout, so every Python writes the same pages.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from reference_chat import formats_page
from reference_source import (
    ROOT,
    class_signature,
    comment,
    decorated,
    environment_reads,
    fields,
    find,
    parsed,
    prose,
    public_modules,
    signature,
    source_of,
    targets,
)

REFERENCE = ROOT / "docs" / "reference"

ENVIRONMENT = {
    "ABI_ACCEL_TARGET": (
        "When a wheel of `abi-accel` is built: the target to compile for, a key of "
        "`abi_accel.build.TARGETS`. Unset: the machine that builds."
    ),
    "ABI_AFFINITY": (
        "What threads of the native kernels are bound to, on Linux: `none`, `cores` (one each) or "
        "`nodes` (NUMA). Unset: nodes where the process may use more than one, else none."
    ),
    "ABI_CACHE": (
        "Folder of the models that `abi pull` fetches. Unset: `abi` in the platform's folder for "
        "caches (`~/.cache`, `~/Library/Caches`, `%LOCALAPPDATA%`)."
    ),
    "ABI_KERNELS": (
        "Name of the kernel set, where neither `kernels=` nor `abi.kernels.use` names one. "
        "`auto` or unset: the first one that is usable."
    ),
    "ABI_LIBRARY": (
        "Folder of the library that `abi index` makes. Unset: `abi/library` in "
        "the platform's folder for data (`~/.local/share`, `~/Library/Application Support`, "
        "`%LOCALAPPDATA%`)."
    ),
    "ABI_MYPYC": (
        "When a wheel of `abi-framework` is built: 1 compiles its hot pure modules by mypyc, for "
        "which a C compiler is needed. Unset: the wheel is pure."
    ),
    "ABI_NATIVE_ISA": (
        "Instruction set of the native kernels: `scalar`, `avx2`, `avxvnni`, `avx512` or `amx` on "
        "x86-64, `neon`, `dotprod` or `i8mm` on aarch64, `simd128` or `relaxed` in Pyodide. Unset: "
        "the best that the machine has."
    ),
    "ABI_NATIVE_LIBRARY": (
        "Path of the native library to load instead of the one in the package `abi_accel`."
    ),
    "ABI_OFFLINE": "`1`: `abi pull` and `abi.hub.pull` use the cache alone, never the network.",
    "ABI_THREADS": (
        "Threads of the native kernels, 1 to 256. Unset: as many as the CPUs that the process may "
        "use."
    ),
    "HF_ENDPOINT": "Address of a mirror of the hub to use instead of `https://huggingface.co`.",
    "HF_HUB_OFFLINE": "The same as `ABI_OFFLINE`, as `huggingface_hub` knows it.",
    "HF_TOKEN": (
        "Token for gated and private repositories. Sent to the hub (or `HF_ENDPOINT`) alone, over "
        "https or to this machine, and never to where it redirects."
    ),
    "LOCALAPPDATA": (
        "Windows: the folder that holds the cache, unless `ABI_CACHE` is set, and what was typed "
        "into `abi chat`, unless `XDG_STATE_HOME` is; and the library, unless `ABI_LIBRARY` is."
    ),
    "NO_COLOR": "Not empty: `abi chat` shows reasoning as it shows the answer.",
    "XDG_CACHE_HOME": "Linux: the folder that holds the cache, unless `ABI_CACHE` is set.",
    "XDG_DATA_HOME": "Linux: the folder that holds the library, unless `ABI_LIBRARY` is set.",
    "XDG_STATE_HOME": (
        "Where `abi chat` keeps what was typed, in `abi/history`. Unset: `~/.local/state`."
    ),
}

_MADE = "<!-- Made by `python docs/make_reference.py`; edit the code, not this page. -->"


def entry(package: str, name: str) -> Iterator[str]:
    """One public name."""
    module, node = find(package, name)
    yield from (f"### `{package}.{name}`", "")
    if isinstance(node, ast.FunctionDef):
        yield from _fenced(signature(name, node, module))
        yield from prose(ast.get_docstring(node))
    elif isinstance(node, ast.ClassDef):
        yield from _class(module, node)
    else:
        yield from _value(package, name, module, node)


def _fenced(text: str) -> Iterator[str]:
    yield from ("```text", text, "```", "")


def _class(module: str, node: ast.ClassDef) -> Iterator[str]:
    bases = [ast.unparse(base) for base in node.bases]
    bases = [f"`{base}`" for base in bases if base not in ("Protocol", "NamedTuple")]
    yield from _fenced(f"class {class_signature(node, module)}")
    if bases:
        yield from (f"Derives from {', '.join(bases)}.", "")
    doc = ast.get_docstring(node) or ""
    yield from prose(doc)
    if any("Enum" in base for base in bases):
        members = [ast.unparse(n) for n in node.body if isinstance(n, ast.Assign)]
        yield from (f"Members: {', '.join(f'`{m}`' for m in members)}.", "")
    comments = {targets(f)[0]: comment(module, f) for f in fields(node)}
    if any(comments.values()):
        yield from [f"- `{name}`: {text}" for name, text in comments.items() if text]
        yield ""
    for inner in node.body:
        if isinstance(inner, ast.FunctionDef) and not inner.name.startswith("_"):
            yield from _method(module, node.name, inner)


def _method(module: str, owner: str, node: ast.FunctionDef) -> Iterator[str]:
    name = f"{owner}.{node.name}"
    yield from (f"#### `{name}`", "")
    if decorated(node, "property"):
        returns = f": {ast.unparse(node.returns)}" if node.returns else ""
        yield from _fenced(f"property {name}{returns}")
    else:
        kind = "classmethod " if decorated(node, "classmethod") else ""
        yield from _fenced(kind + signature(name, node, module, method=True))
    yield from prose(ast.get_docstring(node))


def _value(package: str, name: str, module: str, node: ast.Assign | ast.AnnAssign) -> Iterator[str]:
    value: Any = getattr(import_module(package), name)
    line = ast.get_source_segment(source_of(module), node) or ""
    if isinstance(node, ast.AnnAssign):
        line = f"{name}: {ast.unparse(node.annotation)}"
    elif name == "__version__" or "\n" in line:
        line = f"{name}: {type(value).__name__}"
    yield from _fenced(line)
    if about := comment(module, node):
        yield from (about, "")
    if isinstance(value, dict):
        yield from (f"Keys: {', '.join(f'`{key}`' for key in value)}.", "")


def api_page() -> str:
    """Every public name of every public module, and the environment variables."""
    lines = ["# API", "", _MADE, ""]
    lines += ["Names that are not listed here are private and may change without notice.", ""]
    for module in public_modules():
        names = list(import_module(module).__all__)
        lines += [f"## {module}", "", *prose(ast.get_docstring(parsed(module)))]
        homes = {n: find(module, n).module for n in names}
        for name in names:
            if module == "abi.errors":
                lines.append(f"- [`{name}`](errors.md#{name.lower()})")
            elif module == "abi" and homes[name] != "abi":
                lines.append(_reference(name, homes[name]))
        lines += [""] if lines[-1].startswith("- ") else []
        for name in names:
            if module != "abi.errors" and (module != "abi" or homes[name] == "abi"):
                lines += entry(module, name)
    lines += _environment()
    return _page(lines)


def _reference(name: str, home: str) -> str:
    if home == "abi.errors":
        return f"- [`abi.{name}`](errors.md#{name.lower()})"
    package = ".".join(part for part in home.split(".") if not part.startswith("_"))
    anchor = f"{package}.{name}".lower().replace(".", "")
    return f"- [`abi.{name}`](#{anchor}), from `{package}`"


def _environment() -> Iterator[str]:
    reads = environment_reads()
    if reads.keys() != ENVIRONMENT.keys():
        wrong = ", ".join(sorted(reads.keys() ^ ENVIRONMENT.keys()))
        raise SystemExit(f"docs/make_reference.py: ENVIRONMENT and the code disagree on {wrong}")
    yield from ("## Environment variables", "")
    yield from ("| name | meaning | read in |", "|---|---|---|")
    for name, files in reads.items():
        where = ", ".join(f"`{file}`" for file in dict.fromkeys(files))
        yield f"| `{name}` | {ENVIRONMENT[name]} | {where} |"


def errors_page() -> str:
    """The tree of errors, then each of them."""
    lines = ["# Errors", "", _MADE, "", *prose(ast.get_docstring(parsed("abi.errors")))]
    for name in import_module("abi.errors").__all__:
        module, node = find("abi.errors", name)
        assert isinstance(node, ast.ClassDef)
        lines += [f"## {name}", "", *_class(module, node)]
    return _page(lines)


def cli_page() -> str:
    """Every verb, from its parser."""
    from abi.cli._main import make_parser

    parser = make_parser()
    (verbs,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    lines = ["# Command line", "", _MADE, "", parser.description or "", ""]
    lines += ["```text", "abi VERB [options]", "```", ""]
    lines += ["`python -m abi` is the same. Data go to standard output, progress and messages to"]
    lines += ["standard error. Exit status: 0; 2 for a mistake of the user, said in one line;"]
    lines += ["130 after Ctrl-C.", "", "| verb | what it does |", "|---|---|"]
    for choice in verbs._choices_actions:
        lines.append(f"| [`{choice.dest}`](#abi-{choice.dest}) | {choice.help} |")
    lines += ["", *_options(parser)]
    for name, verb in verbs.choices.items():
        lines += [f"## abi {name}", "", verb.description or "", ""]
        words = [_positional(a) for a in verb._actions if not a.option_strings]
        lines += ["```text", " ".join(["abi", name, "[options]", *words]), "```", ""]
        lines += _options(verb)
    return _page(lines)


def _positional(action: argparse.Action) -> str:
    word = str(action.metavar or action.dest.upper())
    return f"[{word}]" if action.nargs in ("?", "*") else word


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield from ("| argument | meaning | default |", "|---|---|---|")
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            continue
        takes = "" if action.nargs == 0 else f" {_metavar(action)}"
        names = ", ".join(f"`{s}{takes}`" for s in action.option_strings)
        help_ = (action.help or "") % {**vars(action), "prog": parser.prog}
        default = action.default
        shown = "" if default in (None, False, "", [], argparse.SUPPRESS) else f"`{default}`"
        cells = (names or f"`{_positional(action)}`", help_, shown)
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    yield ""


def _metavar(action: argparse.Action) -> str:
    if action.metavar is None and action.choices is not None:
        return "{" + ",".join(map(str, action.choices)) + "}"
    if isinstance(action.metavar, tuple):
        return " ".join(action.metavar)
    return str(action.metavar or action.dest.upper())


def _page(lines: list[str]) -> str:
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


def pages() -> dict[Path, str]:
    """Each page with the text that it should have."""
    if str(ROOT / "accel") not in sys.path:
        sys.path.insert(0, str(ROOT / "accel"))
    return {
        REFERENCE / "api.md": api_page(),
        REFERENCE / "cli.md": cli_page(),
        REFERENCE / "chat-formats.md": _page(formats_page(_MADE)),
        REFERENCE / "errors.md": errors_page(),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if stale")
    check = parser.parse_args().check
    stale = {
        path: text
        for path, text in pages().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    }
    for path, text in stale.items():
        print(f"{'stale' if check else 'wrote'} {path.relative_to(ROOT)}")
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
