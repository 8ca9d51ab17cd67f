"""What the cache holds, by name: listing, finding, removing, and damage to it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import abi
from abi import _platform
from abi.errors import DownloadError, InputError, NotPulledError
from abi.hub import cache_root, cached, locate, pull, remove, resolve
from abi.hub._part import locked
from abi.hub._record import Spot
from tests.hub.server import Fault, Hub

NAME = "ab/cd-GGUF:Q4_K_M"


def test_cached_lists_by_short_names_that_lead_back(hub: Hub, gguf: bytes) -> None:
    hub.plain["/m.gguf"] = gguf
    url = f"{hub.urls['cdn']}/m.gguf"
    paths = {pull(name) for name in (NAME, "ab/cd-GGUF:BF16", url)}
    models = cached()
    assert [model.name for model in models] == ["ab/cd-GGUF:BF16", NAME, url]
    assert {resolve(model.name) for model in models} == paths
    assert [model.size for model in models] == [len(gguf) + 2, len(gguf), len(gguf)]
    assert all(model.complete and model.n_bytes == model.size for model in models)


def test_two_files_of_one_quantisation_are_listed_by_path(hub: Hub, gguf: bytes) -> None:
    hub.repos["ab/cd-GGUF@main"]["more/cd-Q8_0.gguf"] = gguf
    pull("ab/cd-GGUF/cd-Q8_0.gguf")
    pull("ab/cd-GGUF/more/cd-Q8_0.gguf")
    names = [model.name for model in cached()]
    assert names == ["ab/cd-GGUF/cd-Q8_0.gguf", "ab/cd-GGUF/more/cd-Q8_0.gguf"]
    with pytest.raises(NotPulledError, match="the cache has 2 models of Q8_0; name one: cd-Q8_0"):
        resolve("ab/cd-GGUF:Q8_0")
    remove(names[0])
    assert resolve("ab/cd-GGUF").name == "cd-Q8_0.gguf"


def test_a_projector_is_listed_by_its_path(hub: Hub) -> None:
    hub.repos["ab/cd-GGUF@main"]["mmproj-cd-Q4_K_M.gguf"] = hub.repos["ab/cd-GGUF@main"][
        "cd-Q8_0.gguf"
    ]
    pull("ab/cd-GGUF/mmproj-cd-Q4_K_M.gguf")
    assert [model.name for model in cached()] == ["ab/cd-GGUF/mmproj-cd-Q4_K_M.gguf"]


def test_an_empty_cache_holds_nothing(cache: Path) -> None:
    assert cached() == []
    assert cache_root() == cache
    with pytest.raises(NotPulledError, match=f"{NAME} is not in the cache; abi pull {NAME}"):
        resolve(NAME)
    with pytest.raises(NotPulledError, match="abi cache ls lists what is"):
        remove(NAME)


def test_a_folder_that_cannot_be_one_is_no_empty_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ABI_CACHE", str(tmp_path / "file"))
    with pytest.raises(NotADirectoryError):
        cached()
    monkeypatch.setenv("ABI_CACHE", "~nobody-of-this-name/x")
    with pytest.raises(
        InputError, match=r"ABI_CACHE=~nobody.*: there is no such user; give a whole"
    ):
        cached()


def test_a_bad_mirror_is_blamed_for_a_name_and_not_for_a_path(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "foo")
    with pytest.raises(InputError, match="HF_ENDPOINT: 'foo' is not an http or https URL"):
        locate("ab/cd")
    assert locate("./missing.gguf") == "./missing.gguf"


def test_remove_gives_the_bytes_back_and_leaves_no_folder(
    hub: Hub, gguf: bytes, cache: Path
) -> None:
    pull(NAME)
    pull("ab/cd-GGUF:BF16")
    with pytest.raises(InputError, match="is 2 models in the cache; name one: ab/cd-GGUF:BF16, ab"):
        remove("ab/cd-GGUF")
    assert remove("ab/cd-GGUF:bf16") == len(gguf) + 2
    assert remove("ab/cd-GGUF") == len(gguf)
    assert list(cache.iterdir()) == []


def test_remove_takes_what_is_partial(hub: Hub, cache: Path) -> None:
    hub.faults = [Fault(cut=1000)]
    with pytest.raises(DownloadError):
        pull(NAME, tries=1)
    with pytest.raises(NotPulledError):
        resolve(NAME)
    assert remove(NAME) == 1000
    assert not [p for p in cache.rglob("*") if p.is_file()]


def test_what_is_being_pulled_is_not_removed(hub: Hub) -> None:
    path = pull(NAME)
    with locked(Spot(path), None) as is_ours:
        assert is_ours
        with pytest.raises(InputError, match="is being pulled by another process"):
            remove(NAME)
    assert path.exists()


@pytest.mark.parametrize(
    "text",
    [
        "", "{}", "[]", "null", "nonsense", "[" * 9000, '{"name": 3}', '{"name": "x", "url": ""}',
        '{"name": "ab/cd-GGUF/../../x.gguf", "url": ""}', '{"name": "ab/cd-GGUF:Q8_0", "url": ""}',
        '{"name": "ab/cd-GGUF/other.gguf", "url": "", "size": 1}', "\ufeff", "\0",
    ],
)  # fmt: skip
def test_a_damaged_record_is_as_none_and_pull_repairs_it(hub: Hub, gguf: bytes, text: str) -> None:
    path = pull(NAME)
    Spot(path).record.write_text(text)
    assert cached() == []
    with pytest.raises(NotPulledError):
        resolve(NAME)
    assert pull(NAME) == path
    assert resolve(NAME).read_bytes() == gguf


def test_a_file_that_lost_its_end_is_not_whole(hub: Hub, gguf: bytes) -> None:
    path = pull(NAME)
    path.write_bytes(gguf[:-1])
    with pytest.raises(NotPulledError):
        resolve(NAME)
    assert pull(NAME).read_bytes() == gguf


def test_a_crash_between_the_two_last_steps_loses_nothing(hub: Hub, gguf: bytes) -> None:
    spot = Spot(pull(NAME))
    spot.record.rename(spot.journal)
    assert resolve(NAME) == spot.path
    asked = len(hub.content)
    pull(NAME)
    assert len(hub.content) == asked
    assert spot.record.exists()
    assert not spot.journal.exists()


def test_a_journal_of_an_update_does_not_stand_for_the_old_file(
    hub: Hub, gguf: bytes, other_gguf: bytes
) -> None:
    spot = Spot(pull(NAME))
    hub.repos["ab/cd-GGUF@main"]["cd-Q4_K_M.gguf"] = other_gguf
    hub.faults = [Fault(cut=1000)]
    with pytest.raises(DownloadError):
        pull(NAME, tries=1)
    spot.part.unlink()  # by a cleaner, say
    old = json.loads(spot.record.read_text())
    whole = spot.whole()
    assert whole is not None
    assert whole.checksum == old["checksum"]
    assert pull(NAME).read_bytes() == other_gguf


def test_a_part_without_its_journal_begins_anew(hub: Hub, gguf: bytes) -> None:
    hub.faults = [Fault(cut=1000)]
    with pytest.raises(DownloadError):
        pull(NAME, tries=1)
    (journal,) = cache_root().rglob("*.part.json")
    journal.unlink()
    assert pull(NAME).read_bytes() == gguf
    assert hub.content[-1].range is None


def test_a_damaged_part_is_found_out_and_removed(hub: Hub, gguf: bytes) -> None:
    hub.faults = [Fault(cut=1000)]
    with pytest.raises(DownloadError):
        pull(NAME, tries=1)
    (part,) = cache_root().rglob("*.part")
    part.write_bytes(b"GGUF" + bytes(996))
    with pytest.raises(DownloadError, match=r"checksum sha256:.*; removed, pull it again"):
        pull(NAME)
    assert pull(NAME).read_bytes() == gguf


def test_load_takes_the_name_of_a_pulled_model(hub: Hub) -> None:
    pull(NAME)
    hub.log.clear()
    model = abi.load("ab/cd-GGUF", kernels="numpy")
    assert model.metadata["general.name"] == "random"
    assert hub.log == []


def test_load_downloads_nothing_and_names_the_command(hub: Hub) -> None:
    words = f"{NAME}: no such file; {NAME} is not in the cache; abi pull {NAME} fetches it"
    with pytest.raises(FileNotFoundError) as caught:
        abi.load(NAME)
    assert str(caught.value) == words
    assert hub.log == []


def test_what_is_no_name_stays_a_path(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for source in (None, b"GGUF", "nowhere.gguf", "models/x.gguf", "./a/b", "/a/b", "a/b/", ""):
        assert locate(source) == source
    (tmp_path / "ab").mkdir()
    (tmp_path / "ab" / "cd").write_bytes(b"")
    assert locate("ab/cd") == "ab/cd"  # a file that is there comes first


def test_the_cache_lies_where_the_platform_keeps_such_things(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("ABI_CACHE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    monkeypatch.setenv("LOCALAPPDATA", "/l")
    found = {}
    for platform in ("linux", "darwin", "win32"):
        monkeypatch.setattr(_platform.sys, "platform", platform)
        found[platform] = cache_root()
    assert found == {
        "linux": Path("/x/abi"),
        "darwin": tmp_path / "Library" / "Caches" / "abi",
        "win32": Path("/l/abi"),
    }
    monkeypatch.setattr(_platform.sys, "platform", "linux")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_root() == tmp_path / ".cache" / "abi"
    monkeypatch.setenv("ABI_CACHE", "~/models")
    assert cache_root() == tmp_path / "models"
