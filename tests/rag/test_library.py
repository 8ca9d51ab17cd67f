"""Libraries: what is indexed, again, after changes, and after a run that was ended."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from abi.documents import Run
from abi.errors import Cancelled, InputError, MissingExtraError
from abi.rag import Library, _indexing
from abi.rag._passage import packed, unpacked
from abi.store import Database
from abi.store.files import MemoryFiles
from tests.rag.words import Words

PAGES = {
    "keys.md": "# Keys\n\n## Rotate\n\nRotate a key with the command rotate.\n\n## Make\n\nOne.",
    "tea.txt": "Boil water. Steep the leaves for three minutes.",
    "sub/code.py": 'def brew(leaves):\n    """Brew tea of leaves."""\n    return leaves\n',
    "sub/table.csv": "name,price\npot,12\ncup,3\n",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    for name, text in PAGES.items():
        write(root, name, text)
    return root


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    os.utime(path, (1_600_000_000, 1_600_000_000))  # long ago


def library(db: Database | None = None) -> Library:
    return Library(db or Database(MemoryFiles()), Words())


def contents(found: Library) -> list[Any]:
    """All points, whatever order they were written in."""
    return sorted(
        (str(p.id), p.payload, p.text, {k: v.tolist() for k, v in (p.vectors or {}).items()})
        for p in found.collection.points(with_vectors=True)
    )


def test_documents_are_found_with_their_places(tree: Path) -> None:
    found = library()
    added = found.add(tree)
    assert (added.new, added.changed, added.unchanged, added.removed) == (4, 0, 0, 0)
    assert added.skipped == []
    for mode in ("hybrid", "text", "vector"):
        best = found.search("how to rotate a key", mode=mode)[0]
        assert best.path == f"{tree.as_posix()}/keys.md"
        assert "Rotate a key" in best.text
        assert best.title == "Keys"
    assert best.line is not None
    lines = PAGES["keys.md"].splitlines()
    assert best.place == f"{best.path}:{best.line}"
    assert lines[best.line - 1].strip("# ") in best.text or best.line <= 5
    assert found.search("steep leaves", 1, mode="text")[0].path.endswith("tea.txt")
    assert found.search("zebra", mode="text") == []
    assert found.trees() == {f"{tree.as_posix()}/": 4}


def test_a_second_run_reads_nothing(tree: Path) -> None:
    found = library()
    found.add(tree)
    sequence = found.collection._engine.sequence
    found.embedder.embedded.clear()  # type: ignore[attr-defined]
    added = found.add(tree)
    assert (added.new, added.unchanged, added.chunks) == (0, 4, 0)
    assert found.embedder.embedded == []  # type: ignore[attr-defined]
    assert found.collection._engine.sequence == sequence


def test_changes_are_followed(tree: Path) -> None:
    found = library()
    found.add(tree)
    write(tree, "tea.txt", "Coffee needs no leaves.")
    os.utime(tree / "tea.txt", (1_600_000_001, 1_600_000_001))
    (tree / "sub" / "code.py").unlink()
    write(tree, "new.md", "# New\n\nBrand new.")
    os.utime(tree / "keys.md", (1_600_000_009, 1_600_000_009))  # touched, and the same
    added = found.add(tree)
    assert (added.new, added.changed, added.unchanged, added.removed) == (1, 1, 2, 1)
    fresh = library()
    fresh.add(tree)
    assert contents(found) == contents(fresh)
    assert found.search("steep", mode="text") == []


def test_what_becomes_shorter_leaves_nothing_behind(tree: Path) -> None:
    found = library()
    write(tree, "long.md", "\n\n".join(f"## Part {i}\n\n{'word ' * 200}" for i in range(9)))
    found.add(tree)
    write(tree, "long.md", "# Short\n\nNow.")
    os.utime(tree / "long.md", (1_600_000_001, 1_600_000_001))
    found.add(tree)
    fresh = library()
    fresh.add(tree)
    assert contents(found) == contents(fresh)


def test_a_file_that_was_just_written_is_looked_at_again(tree: Path) -> None:
    found = library()
    (tree / "now.txt").write_text("first")
    found.add(tree)
    before = (tree / "now.txt").stat()
    (tree / "now.txt").write_text("again")  # as long, and at once
    os.utime(tree / "now.txt", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert found.add(tree).changed == 1
    assert found.search("again", 1, mode="text")[0].text == "again"


def test_a_file_that_cannot_be_read_is_told_and_the_rest_is_there(tree: Path) -> None:
    (tree / "bad.md").write_bytes(b"\0\1\2\3" * 100)
    found = library()
    added = found.add(tree)
    ((name, reason),) = added.skipped
    assert name == "bad.md"
    assert "binary" in reason
    assert added.new == 4
    os.utime(tree / "bad.md", (1_600_000_000, 1_600_000_000))
    found.add(tree)
    assert found.add(tree).skipped == [(name, reason)]  # without reading it
    write(tree, "bad.md", "good now")
    assert found.add(tree).changed == 1
    assert found.search("good", 1, mode="text")[0].path.endswith("bad.md")


def test_what_lacked_a_package_is_tried_again(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = library()

    def lacks(data: bytes, name: str) -> Any:
        raise MissingExtraError("needs a package")

    with monkeypatch.context() as patch:
        patch.setattr(_indexing, "read", lacks)
        lacking = found.add(tree)
        assert (len(lacking.skipped), lacking.new) == (4, 0)
    added = found.add(tree)
    assert (added.changed, added.skipped) == (4, [])
    fresh = library()
    fresh.add(tree)
    assert contents(found) == contents(fresh)


def test_a_file_that_is_closed_at_first_is_read_later(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = library()

    def closed(path: Any) -> bytes:
        raise InputError(f"{path}: cannot be read: Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(_indexing, "read_bytes", closed)
        assert found.add(tree).new == 0
    assert found.add(tree).new == 4


def test_long_titles_do_not_multiply(tree: Path) -> None:
    write(tree, "long.html", f"<title>{'x ' * 600_000}</title><p>{'words ' * 2000}</p>")
    write(tree, "long.md", f"# {'head ' * 3000}\n\n{'words ' * 2000}")
    found = library()
    added = found.add(tree)
    assert (added.new, added.skipped) == (6, [])
    sizes = [len(str(point.payload)) for point in found.collection.points()]
    assert max(sizes) < 2000


def test_several_trees_and_files(tree: Path, tmp_path: Path) -> None:
    found = library()
    write(tmp_path / "other", "keys.md", "Other keys.")
    found.add(tree)
    found.add(tmp_path / "other")
    found.add(tmp_path / "other" / "keys.md")
    assert found.trees() == {f"{tree.as_posix()}/": 4, f"{(tmp_path / 'other').as_posix()}/": 1}
    only = found.search("keys", filter={"tree": f"{(tmp_path / 'other').as_posix()}/"})
    assert {passage.text for passage in only} == {"Other keys."}
    for wrong in (tree / "nope.md", tmp_path, tmp_path / "other" / "typo"):
        with pytest.raises(InputError, match=r"not in the library; there are: .*tree/, .*other/"):
            found.remove(wrong)
    assert found.remove(tree / "tea.txt") == 1
    assert found.search("steep", mode="text") == []
    assert found.trees()[f"{tree.as_posix()}/"] == 3
    shutil.rmtree(tree)  # what is gone can be forgotten
    assert found.remove(tree) == 3
    assert {passage.text for passage in found.search("keys")} == {"Other keys."}
    with pytest.raises(InputError, match="no such file or folder; what is gone can be removed"):
        found.add(tmp_path / "nowhere")
    with pytest.raises(InputError, match="the path is empty"):
        found.add("")


def test_what_cannot_be_read_for_a_moment_is_kept(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = library()
    found.add(tree)
    before = contents(found)

    def closed(path: Any) -> bytes:
        raise InputError(f"{path}: cannot be read: Permission denied")

    os.utime(tree / "tea.txt", (1_600_000_005, 1_600_000_005))
    with monkeypatch.context() as patch:
        patch.setattr(_indexing, "read_bytes", closed)
        added = found.add(tree)
    assert added.skipped == [("tea.txt", "cannot be read: Permission denied")]
    assert contents(found) == before

    def walk(root: Path, endings: Any, problem: Any, within: str) -> Any:
        problem("sub/", "Permission denied")
        return iter(())

    with monkeypatch.context() as patch:
        patch.setattr(_indexing, "walk", walk)
        assert found.add(tree).removed == 2
    assert {p.path for p in found.search("brew tea leaves", mode="text")} == {
        f"{tree.as_posix()}/sub/code.py"
    }


def test_another_embedding_is_not_mixed_in(tree: Path) -> None:
    db = Database(MemoryFiles())
    library(db).add(tree)
    other = Words()
    other.name = "others"
    with pytest.raises(InputError, match="'documents' has vectors of words, not of others"):
        Library(db, other)


def test_a_cancelled_run_is_gone_on_with(tree: Path) -> None:
    found = library()
    asked = iter([False, False, True])
    with pytest.raises(Cancelled, match="2 of 4 files are done"):
        found.add(tree, cancel=lambda: next(asked))
    added = found.add(tree)
    assert (added.new, added.unchanged) == (2, 2)
    fresh = library()
    fresh.add(tree)
    assert contents(found) == contents(fresh)


def test_reranking_decides_the_order(tree: Path) -> None:
    found = library()
    found.add(tree)
    seen: list[str] = []

    def rerank(question: str, texts: Any) -> list[float]:
        seen.extend(texts)
        return [float("pot" in text) for text in texts]

    best = found.search("price of a pot of tea", 2, rerank=rerank)
    assert "pot" in best[0].text
    assert best[0].score == 1.0
    assert len(seen) > 2


def test_questions_that_cannot_be_are_refused(tree: Path) -> None:
    found = library()
    with pytest.raises(InputError, match="the question is empty"):
        found.search("  ")
    with pytest.raises(InputError, match="mode='best': expected one of hybrid, text, vector"):
        found.search("a", mode="best")


def test_batches_are_as_one(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = library()
    whole.add(tree)
    monkeypatch.setattr(_indexing, "_BATCH", 1)
    one_by_one = library()
    one_by_one.add(tree)
    assert contents(one_by_one) == contents(whole)
    assert one_by_one.collection._engine.sequence > whole.collection._engine.sequence
    assert time.time() > 0


def test_a_folder_of_a_tree_is_a_part_of_it(tree: Path) -> None:
    found = library()
    found.add(tree)
    whole = contents(found)
    write(tree, "sub/table.csv", "name,price\npot,14\n")
    write(tree, "tea.txt", "Nothing.")
    added = found.add(tree / "sub")
    assert (added.changed, added.unchanged, added.removed) == (1, 1, 0)
    assert found.trees() == {f"{tree.as_posix()}/": 4}
    write(tree, "sub/table.csv", PAGES["sub/table.csv"])
    write(tree, "tea.txt", PAGES["tea.txt"])
    assert found.add(tree / "sub" / "table.csv").changed == 1
    assert contents(found) == whole
    (tree / "sub" / "code.py").unlink()
    assert found.add(tree / "sub").removed == 1
    assert found.trees() == {f"{tree.as_posix()}/": 3}


def test_a_tree_takes_over_the_trees_within_it(tree: Path) -> None:
    found, alone = library(), library()
    write(tree, "sub/.hidden/a.txt", "Only if it is named.")
    found.add(tree / "sub")
    found.add(tree / "sub" / ".hidden")  # `sub` leaves it out
    assert len(found.trees()) == 2
    found.add(tree)
    alone.add(tree)
    hidden = f"{tree.as_posix()}/sub/.hidden/"
    assert found.trees() == {f"{tree.as_posix()}/": 4, hidden: 1}
    assert found.remove(tree / "sub" / ".hidden") == 1
    assert contents(found) == contents(alone)


def test_a_folder_of_a_tree_is_removed(tree: Path) -> None:
    found = library()
    found.add(tree)
    assert found.remove(tree / "sub") == 2
    assert found.trees() == {f"{tree.as_posix()}/": 2}
    with pytest.raises(InputError, match="not in the library"):
        found.remove(tree / "su")


def test_passages_know_the_line_of_every_word(tree: Path) -> None:
    text = "# A\n\nOne\ntwo.\n\n```\nthree\n```\n\n- four\n- five\n"
    write(tree, "lines.md", text)
    found = library()
    found.add(tree)
    (passage,) = found.search("five", 1, mode="text")
    lines = text.split("\n")
    for word in ("One", "two", "three", "four", "five"):
        line = passage.line_at(passage.text.index(word))
        assert line is not None
        assert word in lines[line - 1]
    assert [run.kind for run in passage.runs] == ["heading", "paragraph", "code", "list"]
    assert passage.to_json()["runs"][2] == {"row": 5, "line": 7, "kind": "code"}


def test_runs_are_kept_whatever_they_are() -> None:
    runs = (Run(0, 7, "heading"), Run(2, None, "quote"), Run(31, 1234567, "table"))
    assert unpacked(packed(runs)) == runs
    assert unpacked("None") == unpacked("") == ()


def test_quotes_cite_the_line_of_the_sentence(tree: Path) -> None:
    found = library()
    found.add(tree)
    question = "How do I rotate a key?"
    answer = found.quotes(question, found.search(question))
    assert answer.quotes[0].text == "Rotate a key with the command rotate."
    assert answer.quotes[0].line == PAGES["keys.md"].split("\n").index(answer.quotes[0].text) + 1
    question = "Who won the zebra cup?"
    assert not found.quotes(question, found.search(question)).found
