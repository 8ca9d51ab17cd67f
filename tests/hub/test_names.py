"""Names of models, and which files they mean."""

from __future__ import annotations

import os
from pathlib import Path, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abi.errors import InputError
from abi.hub import Name, human, parse
from abi.hub._files import RepoFile, choose, variants
from abi.hub._record import cache_root, place

MIRROR = "https://mirror.example/hf"
GOOD = {
    "a/b": Name("a/b"),
    "a/b:q5_k_m": Name("a/b", quant="Q5_K_M"),
    "a/b:latest": Name("a/b"),
    "a/b:UD-Q4_K_XL": Name("a/b", quant="UD-Q4_K_XL"),
    "a/b@v1.0": Name("a/b", "v1.0"),
    "a/b@refs/pr/3:F16": Name("a/b", "refs/pr/3", "F16"),
    "a/b:F16@dev": Name("a/b", "dev", "F16"),
    "a/b/c.gguf": Name("a/b", path="c.gguf"),
    "a/b/c/d e.gguf".replace(" ", "-"): Name("a/b", path="c/d-e.gguf"),
    "a/b/c.gguf@v2": Name("a/b", "v2", path="c.gguf"),
    "a/b:c.GGUF": Name("a/b", path="c.GGUF"),
    "hf.co/a/b": Name("a/b"),
    "HF.co/a/b:q8_0": Name("a/b", quant="Q8_0"),
    "huggingface.co/a/b": Name("a/b"),
    "hf://a/b/c.gguf": Name("a/b", path="c.gguf"),
    "https://huggingface.co/a/b": Name("a/b"),
    "https://huggingface.co/a/b/": Name("a/b"),
    "https://huggingface.co/a/b:Q8_0": Name("a/b", quant="Q8_0"),
    "https://www.huggingface.co/a/b/tree/main": Name("a/b"),
    "https://hf.co/a/b/blob/main/c.gguf": Name("a/b", path="c.gguf"),
    "https://huggingface.co/a/b/resolve/main/x/c.gguf?download=true": Name("a/b", path="x/c.gguf"),
    "https://huggingface.co/a/b/blob/refs%2Fpr%2F1/c.gguf": Name("a/b", "refs/pr/1", path="c.gguf"),
    "https://huggingface.co/a/b/blob/refs/pr/1/c.gguf": Name("a/b", "refs/pr/1", path="c.gguf"),
    "https://huggingface.co/a/b/raw/v1/c%20d.gguf": Name("a/b", "v1", path="c d.gguf"),
    f"{MIRROR}/a/b/resolve/main/c.gguf": Name("a/b", path="c.gguf"),
    f"{MIRROR}/a/b": Name("a/b"),
    "http://x.org/y/z.gguf?k=1#top": Name(url="http://x.org/y/z.gguf?k=1"),
    "https://x.org:8443/Z.GGUF": Name(url="https://x.org:8443/Z.GGUF"),
}


@pytest.mark.parametrize("text", GOOD)
def test_a_name_says(text: str) -> None:
    assert parse(text, MIRROR) == GOOD[text]
    if " " not in GOOD[text].path:
        assert parse(str(GOOD[text]), MIRROR) == GOOD[text]


BAD = [
    "", " ", "a", "a/", "/b", "a/b/c", "a/b:", "a/b@", "a/b@:Q4", "a/b:Q4:Q5", "a/b:Q4/x",
    "a/b@v1:Q4@v2", "../b", "a/..", "a/.b", "-a/b", "a/b-.", "a--b/c", "a/b..c", "a b/c", "a/b\n",
    "a/b\x1b[2J", "a/b@../x", "a/b@x..y", "a/b@.x", "a/b@x.", "a/b@x.gguf", "a/b@x//y", "a/b@-x",
    "models/x.gguf", "a/b/../c.gguf", "a/b//c.gguf", "a/b/./c.gguf", "a/b/c\\d.gguf",
    "a/b/con.gguf", "a/b/COM1.x.gguf", "a/b/x /y.gguf", "a/b/x./y.gguf", "a/b/<x>.gguf",
    "a/b/nul/x.gguf", f"a/b/{'x' * 300}.gguf", f"a/{'b' * 97}", f"a/b:{'q' * 65}", "é/b", "a/b:é",
    "https://", "https:///a.gguf", "https://x", "https://x/y", "https://x/y.bin", "http://[::1/a.gguf",
    "https://u:p@x/y.gguf", "https://x:0/y.gguf", "https://x:99999/y.gguf", "https://x/..%2Fy.gguf",
    "https://x/%2e%2e%5Cy.gguf", "https://x/a/con.gguf", "ftp://x/y.gguf", "file:///etc/x.gguf",
    "https://huggingface.co/a", "https://huggingface.co/a/b/c", "https://huggingface.co/a/b/blob/main",
    "https://huggingface.co/a/b/blob/main/README.md", "https://huggingface.co/a/b/tree/main/x",
    "https://huggingface.co/a/b/blob/main/..%2F..%2Fx.gguf", "https://huggingface.co/../b/blob/main/x.gguf",
    "https://huggingface.co/datasets/a/b", "https://xn--.x\ud800/y.gguf",
]  # fmt: skip


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_name_is_one_error(text: str) -> None:
    with pytest.raises(InputError):
        parse(text)


ALPHABET = "ab./\\:@-_%?#~ \n\x00é\u202e:Q4_K_M.gguf"


@given(
    st.one_of(
        st.text(), st.text(ALPHABET), st.text(ALPHABET).map("https://hf.co/a/b/blob/".__add__)
    )
)
def test_any_text_is_a_name_that_stays_in_the_cache_or_one_error(text: str) -> None:
    try:
        name = parse(text)
    except InputError:
        return
    assert parse(str(name)) == name or " " in name.path
    if name.url or name.path:
        path = place(name)
        root = os.path.normpath(cache_root())
        assert os.path.normpath(path).startswith(root + os.sep)
        assert ".." not in path.parts
        parts = path.relative_to(cache_root()).parts
        assert not any(PureWindowsPath(part).is_reserved() for part in parts)
        assert not set("".join(parts)) & set('<>:"|?*\\')


PART = st.from_regex(r"[a-z0-9][a-z0-9]{0,8}", fullmatch=True)


@given(PART, PART, PART, st.sampled_from(["", "Q4_0", "UD-IQ1_S"]), st.lists(PART, max_size=3))
def test_every_name_survives_its_text(
    owner: str, repo: str, revision: str, quant: str, folders: list[str]
) -> None:
    path = "/".join([*folders, "m.gguf"]) if folders and not quant else ""
    name = Name(f"{owner}/{repo}", revision, quant, path)
    assert parse(str(name)) == name


def files(*paths: str) -> list[RepoFile]:
    return [RepoFile(path, 10**9 * (i + 1)) for i, path in enumerate(paths)]


def chosen(text: str, *paths: str) -> str:
    return choose(parse(text), files(*paths), "a/b").files[0].path


def test_without_a_quantisation_q4_k_m_comes_first_then_q8_0_then_the_only_one() -> None:
    assert chosen("a/b", "m-Q8_0.gguf", "m-Q4_K_M.gguf", "m-F16.gguf") == "m-Q4_K_M.gguf"
    assert chosen("a/b", "m-F16.gguf", "m-q8_0.gguf") == "m-q8_0.gguf"
    assert chosen("a/b", "m-IQ3_M.gguf", "mmproj-m-F16.gguf", "imatrix.gguf") == "m-IQ3_M.gguf"


def test_a_quantisation_is_a_whole_word() -> None:
    paths = ("m-IQ4_0.gguf", "m-Q4_0_4_4.gguf", "m-Q4_0.gguf")
    assert chosen("a/b:Q4_0", *paths) == "m-Q4_0.gguf"
    assert chosen("a/b:q4_0_4_4", *paths) == "m-Q4_0_4_4.gguf"
    assert chosen("a/b:F16", "m-BF16.gguf", "m.f16.gguf") == "m.f16.gguf"


def test_ud_recipes_have_to_be_asked_for() -> None:
    paths = ("m-UD-Q4_K_M.gguf", "m-Q4_K_M.gguf")
    assert chosen("a/b", *paths) == "m-Q4_K_M.gguf"
    assert chosen("a/b:ud-q4_k_m", *paths) == "m-UD-Q4_K_M.gguf"
    assert chosen("a/b:Q4_K_M", "m-UD-Q4_K_M.gguf") == "m-UD-Q4_K_M.gguf"


def test_a_folder_may_name_the_quantisation() -> None:
    paths = ("Q6_K/m-00001-of-00002.gguf", "Q6_K/m-00002-of-00002.gguf", "Q8_0/m.gguf")
    assert chosen("a/b:Q6_K", *paths) == paths[0]


def test_side_files_are_models_only_by_their_path() -> None:
    side = (
        "mmproj-m-Q4_K_M.gguf",
        "m.MMPROJ.Q4_K_M.gguf",
        "mtp-Q4_K_M.gguf",
        "x/eagle3-Q4_K_M.gguf",
    )
    assert chosen("a/b:Q4_K_M", *side, "m-Q4_K_M.gguf") == "m-Q4_K_M.gguf"
    assert chosen("a/b/mmproj-m-Q4_K_M.gguf", *side) == side[0]
    with pytest.raises(InputError, match=r"a/b has no GGUF model; it has no \.gguf file"):
        chosen("a/b", *side)


@pytest.mark.parametrize(
    ("text", "paths", "words"),
    [
        ("a/b:Q9_X", ["m-Q4_0.gguf", "m-F16.gguf"],
         "a/b has no Q9_X; it has F16 (2.0 GB), Q4_0 (1.0 GB)"),
        ("a/b", ["m-Q4_0.gguf", "m-F16.gguf"],
         "a/b has no Q4_K_M or Q8_0; it has F16 (2.0 GB), Q4_0 (1.0 GB); "
         "name one, such as a/b:F16"),
        ("a/b", ["m.gguf", "o.gguf"],
         "a/b has no Q4_K_M or Q8_0; it has m.gguf (1.0 GB), o.gguf (2.0 GB); "
         "name one, such as a/b/m.gguf"),
        ("a/b", ["x-Q4_K_M.gguf", "y-Q4_K_M.gguf"],
         "a/b has 2 models of Q4_K_M; name one: x-Q4_K_M.gguf, y-Q4_K_M.gguf"),
        ("a/b/n.gguf", ["m.gguf", "o.gguf"],
         "a/b has no file n.gguf; it has m.gguf (1.0 GB), o.gguf (2.0 GB)"),
        ("a/b:Q4_0", ["x-F16.gguf", "y-F16.gguf"],
         "a/b has no Q4_0; it has x-F16.gguf (1.0 GB), y-F16.gguf (2.0 GB)"),
        ("a/b", ["README.md"], "a/b has no GGUF model; it has no .gguf file that is a model"),
        ("a/b:Q4_0", ["m-Q4_0-00001-of-00003.gguf", "m-Q4_0-00003-of-00003.gguf"],
         "a/b lacks parts of m-Q4_0-00001-of-00003.gguf: 1 are missing"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_one_line_that_lists_what_is(
    text: str, paths: list[str], words: str
) -> None:
    with pytest.raises(InputError) as caught:
        chosen(text, *paths)
    assert str(caught.value) == words


def test_a_long_list_is_cut_with_its_count() -> None:
    with pytest.raises(
        InputError, match=r"m041\.gguf.* and 460 more; name one, such as a/b/m002\.gguf$"
    ):
        choose(parse("a/b"), files(*(f"m{i:03}.gguf" for i in range(2, 502))), "a/b")


def test_the_parts_of_a_split_model_are_one_in_order() -> None:
    paths = [f"m-{n:05}-of-00003.gguf" for n in (3, 1, 2)]
    (variant,) = variants(files(*paths, "README.md"))
    assert [file.path for file in variant.files] == sorted(paths)
    assert variant.size == 6 * 10**9


def test_a_list_of_twenty_thousand_split_files_is_no_trouble() -> None:
    many = files(*(f"{i}-00001-of-99999.gguf" for i in range(20_000)))
    assert len(variants(many)) == 20_000


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (123_456, "123 kB"), (4_081_004_224, "4.1 GB")],
)
def test_sizes_are_decimal(size: int, text: str) -> None:
    assert human(size) == text


def test_the_home_of_a_url_depends_on_all_of_its_address(cache: Path) -> None:
    urls = ["http://x/a/m.gguf", "http://x/b/m.gguf", "http://x/a/m.gguf?v=2", "http://y/a/m.gguf"]
    assert len({place(parse(url)).parent for url in urls}) == 4
    parts = [f"http://x/m-0000{n}-of-00002.gguf" for n in (1, 2)]
    assert len({place(parse(url)).parent for url in parts}) == 1
