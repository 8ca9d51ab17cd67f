"""`pull` against a hub that fails in every way that real ones do."""

from __future__ import annotations

import hashlib
import shutil
from email.utils import formatdate
from pathlib import Path
from time import time
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abi import _platform
from abi import hub as abi_hub
from abi.errors import (
    DownloadError,
    FormatError,
    InputError,
    NotPulledError,
    UnsupportedError,
)
from abi.gguf import read
from abi.hub import cached, pull, remove, resolve
from tests.gguf.test_split import part as write_part
from tests.hub.server import Fault, Hub

NAME = "ab/cd-GGUF:Q4_K_M"
CUT = 100_000


def ranges(hub: Hub) -> list[str | None]:
    return [request.range for request in hub.content]


def files_in(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.rglob("*") if p.is_file())


def assert_nothing_kept(cache: Path) -> None:
    assert files_in(cache) == []


def test_the_file_arrives_whole_and_opens(hub: Hub, gguf: bytes, cache: Path) -> None:
    path = pull(NAME)
    assert path.read_bytes() == gguf
    assert path == cache / "models" / "ab--cd-GGUF" / "@main" / "cd-Q4_K_M.gguf"
    assert files_in(cache) == ["cd-Q4_K_M.gguf", "cd-Q4_K_M.gguf.json"]
    assert read(path).metadata["general.name"] == "random"


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("ab/cd-GGUF", "cd-Q4_K_M.gguf"),
        ("hf.co/ab/cd-GGUF:q8_0", "cd-Q8_0.gguf"),
        ("https://huggingface.co/ab/cd-GGUF/blob/main/cd-Q8_0.gguf", "cd-Q8_0.gguf"),
        ("ab/cd-GGUF/more/cd-BF16.gguf", "cd-BF16.gguf"),
        ("ab/cd-GGUF:cd-Q8_0.gguf", "cd-Q8_0.gguf"),
    ],
)
def test_names_lead_to_their_file(hub: Hub, name: str, file: str) -> None:
    assert pull(name).name == file


def test_a_second_pull_fetches_nothing(hub: Hub) -> None:
    path = pull(NAME)
    asked = len(hub.content)
    assert pull(NAME) == path
    assert len(hub.content) == asked == 1


def test_a_cut_download_goes_on_where_it_stopped(hub: Hub, gguf: bytes, naps: list[float]) -> None:
    hub.faults = [Fault(cut=CUT), Fault(cut=CUT), Fault(cut=CUT)]
    said: list[str] = []
    assert pull(NAME, notify=said.append).read_bytes() == gguf
    assert ranges(hub) == [None, "bytes=100000-", "bytes=200000-", "bytes=300000-"]
    assert sum(r.sent[0] for r in hub.content) == len(gguf)
    assert naps == [1, 1, 1]  # each of them got on, so none was a second failure
    assert said[0] == (
        f"cd-Q4_K_M.gguf: the connection was cut at 100000 of {len(gguf)} bytes; "
        "trying again in 1 s"
    )


def test_failures_without_progress_wait_longer_and_end(hub: Hub, naps: list[float]) -> None:
    hub.faults = [Fault(cut=0) for _ in range(9)]
    with pytest.raises(DownloadError, match=r"cut at 0 of \d+ bytes; given up after 6 tries"):
        pull(NAME)
    assert naps == [1, 2, 4, 8, 16]


def test_what_came_before_giving_up_is_used_by_the_next_pull(hub: Hub, gguf: bytes) -> None:
    hub.faults = [Fault(cut=CUT), Fault(cut=0)]
    with pytest.raises(DownloadError, match="given up after 2 tries"):
        pull(NAME, tries=2)
    assert [(m.name, m.n_bytes, m.complete) for m in cached()] == [(NAME, CUT, False)]
    said: list[str] = []
    assert pull(NAME, notify=said.append).read_bytes() == gguf
    assert ranges(hub)[-1] == f"bytes={CUT}-"
    assert said == [f"cd-Q4_K_M.gguf: going on after {CUT} bytes"]


def test_the_token_reaches_the_hub_and_never_where_it_redirects(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    hub.token = "hf_secret"
    pull(NAME)
    sent = {(r.server, r.headers.get("authorization")) for r in hub.log}
    assert sent == {("hub", "Bearer hf_secret"), ("cdn", None)}
    assert not any("hf_secret" in str(r) for r in hub.log if r.server == "cdn")


def test_a_url_outside_the_hub_gets_no_token(
    hub: Hub, gguf: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    hub.plain["/m.gguf"] = gguf
    pull(f"{hub.urls['cdn']}/m.gguf")
    assert [r.headers.get("authorization") for r in hub.log] == [None, None]


def test_no_token_goes_over_plain_http_to_another_machine() -> None:
    http = abi_hub._http.Http("http://mirror.example", "hf_secret")
    assert not http._carries("http://mirror.example/api")
    assert abi_hub._http.Http("https://mirror.example", "t")._carries("https://mirror.example/a")
    assert not abi_hub._http.Http("https://mirror.example", "t")._carries(
        "https://mirror.example:8/"
    )


def test_a_gated_repository_says_what_to_do(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.token = "hf_secret"
    cure = "gated: accept its licence at https://huggingface.co/ab/cd-GGUF, and set HF_TOKEN"
    with pytest.raises(DownloadError, match=cure):
        pull(NAME)
    monkeypatch.setenv("HF_TOKEN", "hf_other")
    with pytest.raises(DownloadError, match="the token in HF_TOKEN may not read it") as caught:
        pull(NAME)
    assert "hf_other" not in str(caught.value)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(status=403), r"gated: accept its licence"),
        (Fault(status=401), r"no such repository, or a private one: set HF_TOKEN"),
        (Fault(status=404), r"no such repository \("),
        (Fault(status=418), r"answers 418 I'm a Teapot"),
        (Fault(body=b"<html>"), r"answers with no list of files"),
        (Fault(body=b"[" * 100_000), r"answers with no list of files"),
        (Fault(body=b'{"error": 1}'), r"answers with no list of files"),
        (Fault(body=b'[{"type": "file", "path": 3}]'), r"an entry without path or size"),
        (Fault(body=b'[{"type": "file", "path": "a", "size": -1}]'), r"without path or size"),
        (Fault(body=b"[]", headers={"Link": '<x>; rel="next"'}), r"no next page"),
    ],
)
def test_a_refused_or_broken_list_is_one_clear_line(hub: Hub, fault: Fault, words: str) -> None:
    hub.list_faults = [fault]
    with pytest.raises(DownloadError, match=words) as caught:
        pull(NAME)
    assert "\n" not in str(caught.value)


def test_a_refusal_of_the_contents_host_is_not_taken_for_the_hubs(hub: Hub) -> None:
    hub.faults = [Fault(status=403)]
    host = hub.urls["cdn"].removeprefix("http://")
    with pytest.raises(DownloadError) as caught:
        pull(NAME)
    assert str(caught.value) == f"ab/cd-GGUF: {host} answers 403 Forbidden"


def test_an_unknown_repository_and_revision(hub: Hub) -> None:
    with pytest.raises(DownloadError, match="no such repository, or a private one"):
        pull("ab/nothing")
    with pytest.raises(DownloadError, match=r"ab/cd-GGUF: no revision v2"):
        pull("ab/cd-GGUF@v2")


def test_the_list_comes_in_pages_and_stays_with_the_mirror(hub: Hub) -> None:
    hub.page = 2
    assert pull("ab/cd-GGUF:BF16").name == "cd-BF16.gguf"
    lists = [r.path for r in hub.log if "/tree/" in r.path]
    assert [path.partition("?")[2] for path in lists] == [
        "recursive=true", "recursive=true&cursor=2", "recursive=true&cursor=4",
    ]  # fmt: skip


def test_a_list_that_is_cut_is_asked_for_again(hub: Hub, naps: list[float]) -> None:
    body = b'[{"type": "directory", "path": "x"}]'
    hub.list_faults = [Fault(body=body, cut=10), Fault(status=503)]
    assert pull(NAME).exists()
    assert naps == [1, 2]


def test_too_many_requests_waits_as_long_as_it_is_told(hub: Hub, naps: list[float]) -> None:
    hub.faults = [
        Fault(status=429, headers={"Retry-After": "7"}),
        Fault(status=429, headers={"Retry-After": formatdate(time() + 90, usegmt=True)}),
        Fault(status=503),
    ]
    pull(NAME)
    assert naps[0] == 7
    assert 85 < naps[1] <= 90
    assert naps[2] == 4


def test_a_server_that_wants_hours_is_an_error(hub: Hub, naps: list[float]) -> None:
    hub.faults = [Fault(status=429, headers={"Retry-After": "7200"})]
    with pytest.raises(DownloadError, match="answers 429; try again in 7200 s"):
        pull(NAME)
    assert naps == []


def test_other_bytes_are_not_kept(hub: Hub, other_gguf: bytes, cache: Path) -> None:
    hub.faults = [Fault(body=other_gguf)]
    found, wanted = (hashlib.sha256(d).hexdigest() for d in (other_gguf, pull_data(hub)))
    with pytest.raises(DownloadError, match=f"checksum sha256:{found}, expected sha256:{wanted}"):
        pull(NAME)
    assert_nothing_kept(cache)


def pull_data(hub: Hub) -> bytes:
    return hub.repos["ab/cd-GGUF@main"]["cd-Q4_K_M.gguf"]


def test_a_small_file_outside_lfs_is_checked_by_its_git_hash(
    hub: Hub, gguf: bytes, other_gguf: bytes, cache: Path
) -> None:
    hub.lfs = False
    hub.faults = [Fault(body=other_gguf), Fault()]
    with pytest.raises(DownloadError, match="checksum git:"):
        pull(NAME)
    assert_nothing_kept(cache)
    assert pull(NAME).read_bytes() == gguf
    asked = len(hub.content)
    pull(NAME)
    assert len(hub.content) == asked


@pytest.mark.parametrize("change", [b"more", b""])
def test_another_length_is_refused_before_it_is_fetched(
    hub: Hub, gguf: bytes, cache: Path, change: bytes
) -> None:
    hub.faults = [Fault(body=gguf + change if change else gguf[:-4])]
    with pytest.raises(DownloadError, match=rf"the server sends \d+ bytes, expected {len(gguf)}"):
        pull(NAME)
    assert not list(cache.rglob("*.gguf"))


def test_more_bytes_than_the_file_has_are_not_kept(hub: Hub, gguf: bytes, cache: Path) -> None:
    hub.faults = [Fault(body=gguf + b"more", headers={"Content-Length": ""})]
    with pytest.raises(DownloadError, match=f"more than the {len(gguf)} bytes that it has"):
        pull(NAME)
    assert_nothing_kept(cache)


def test_a_server_without_ranges_sends_all_of_it_again(hub: Hub, gguf: bytes) -> None:
    hub.faults = [Fault(cut=CUT), Fault(no_ranges=True)]
    said: list[str] = []
    assert pull(NAME, notify=said.append).read_bytes() == gguf
    assert said[1] == "cd-Q4_K_M.gguf: the server sends all of it again"


def test_a_server_without_ranges_that_cuts_each_time_is_given_up(hub: Hub) -> None:
    hub.faults = [Fault(cut=CUT, no_ranges=True) for _ in range(20)]
    with pytest.raises(DownloadError, match=r"begins anew each time"):
        pull(NAME)
    assert len(hub.content) < 12


@pytest.mark.parametrize("said", ["bytes 5-9/10", "bytes 0-99999/1", "nonsense", "bytes 1-2/*"])
def test_a_range_that_was_not_asked_for_is_not_believed(hub: Hub, gguf: bytes, said: str) -> None:
    hub.faults = [Fault(cut=CUT), Fault(headers={"Content-Range": said})]
    assert pull(NAME).read_bytes() == gguf
    assert ranges(hub) == [None, f"bytes={CUT}-", None]


def test_a_range_past_the_end_begins_anew(hub: Hub, gguf: bytes) -> None:
    hub.faults = [Fault(cut=CUT), Fault(status=416)]
    assert pull(NAME).read_bytes() == gguf
    assert ranges(hub) == [None, f"bytes={CUT}-", None]


def test_content_that_changes_between_pulls_begins_anew(
    hub: Hub, gguf: bytes, other_gguf: bytes
) -> None:
    hub.faults = [Fault(cut=CUT), Fault(cut=0)]
    with pytest.raises(DownloadError):
        pull(NAME, tries=2)
    hub.repos["ab/cd-GGUF@main"]["cd-Q4_K_M.gguf"] = other_gguf
    assert pull(NAME).read_bytes() == other_gguf
    assert ranges(hub)[-1] is None


def test_content_that_changes_after_it_was_listed_is_an_error(
    hub: Hub, gguf: bytes, other_gguf: bytes, cache: Path
) -> None:
    hub.entries = hub.tree("ab/cd-GGUF@main")
    hub.repos["ab/cd-GGUF@main"]["cd-Q4_K_M.gguf"] = other_gguf
    with pytest.raises(DownloadError, match="changed while it was asked for; pull it again"):
        pull(NAME)
    assert not list(cache.rglob("*.gguf"))


def test_a_new_version_replaces_the_old(hub: Hub, gguf: bytes, other_gguf: bytes) -> None:
    path = pull(NAME)
    hub.repos["ab/cd-GGUF@main"]["cd-Q4_K_M.gguf"] = other_gguf
    assert pull(NAME) == path
    assert path.read_bytes() == other_gguf


def test_the_old_version_stays_until_the_new_one_is_whole(
    hub: Hub, gguf: bytes, other_gguf: bytes
) -> None:
    path = pull(NAME)
    hub.repos["ab/cd-GGUF@main"]["cd-Q4_K_M.gguf"] = other_gguf
    hub.faults = [Fault(cut=CUT), Fault(cut=0)]
    with pytest.raises(DownloadError):
        pull(NAME, tries=2)
    assert resolve(NAME).read_bytes() == gguf
    assert cached()[0].n_bytes == len(gguf) + CUT
    pull(NAME)
    assert path.read_bytes() == other_gguf
    assert ranges(hub)[-1] == f"bytes={CUT}-"


def test_a_silent_server_times_out(hub: Hub, gguf: bytes) -> None:
    hub.faults = [Fault(cut=CUT, hang=True)]
    said: list[str] = []
    assert pull(NAME, timeout=0.3, notify=said.append).read_bytes() == gguf
    assert said == ["cd-Q4_K_M.gguf: no answer in time; trying again in 1 s"]
    assert ranges(hub) == [None, f"bytes={CUT}-"]


def test_a_refused_connection_is_one_clear_line(
    cache: Path, monkeypatch: pytest.MonkeyPatch, naps: list[float]
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1:1: Connection refused; given up after"):
        pull(NAME, tries=3)
    assert naps == [1, 2]


def test_progress_counts_what_is_there_and_all(hub: Hub, gguf: bytes) -> None:
    hub.faults = [Fault(cut=CUT)]
    steps: list[tuple[int, int]] = []
    pull(NAME, progress=lambda done, total: steps.append((done, total)))
    assert {total for _, total in steps} == {len(gguf)}
    done = [n for n, _ in steps]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0, len(gguf))


def test_progress_of_what_is_there_already_is_all(hub: Hub, gguf: bytes) -> None:
    pull(NAME)
    steps: list[tuple[int, int]] = []
    pull(NAME, progress=lambda done, total: steps.append((done, total)))
    assert steps[-1] == (len(gguf), len(gguf))


def test_a_disk_without_room_is_said_before_the_download(
    hub: Hub, gguf: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage(NamedTuple):
        free: int

    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1000))
    with pytest.raises(DownloadError, match=r"338 kB are needed and 1\.0 kB are free in /"):
        pull(NAME)
    assert hub.content == []


def test_a_disk_that_fills_up_leaves_a_part(
    hub: Hub, gguf: bytes, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    def full(self: Any, block: bytes) -> None:
        raise OSError(28, "No space left on device")

    class File:
        def __init__(self, file: Any) -> None:
            self._file = file

        def __getattr__(self, name: str) -> Any:
            return getattr(self._file, name)

        write = full

    init = abi_hub._part.Part.__init__

    def start(self: Any, *args: Any) -> None:
        init(self, *args)
        self._file = File(self._file)

    with monkeypatch.context() as patch:
        patch.setattr(abi_hub._part.Part, "__init__", start)
        with pytest.raises(DownloadError, match=r"gguf\.part: No space left on device"):
            pull(NAME)
    assert pull(NAME).read_bytes() == gguf


def test_ctrl_c_leaves_a_part(hub: Hub, gguf: bytes) -> None:
    def stop(done: int, total: int) -> None:
        if done >= CUT:
            raise KeyboardInterrupt

    hub.faults = [Fault(cut=CUT, hang=True)]
    with pytest.raises(KeyboardInterrupt):
        pull(NAME, progress=stop)
    assert pull(NAME).read_bytes() == gguf
    assert ranges(hub) == [None, f"bytes={CUT}-"]


def test_a_web_page_is_not_taken_for_a_model(hub: Hub, cache: Path) -> None:
    hub.plain["/m.gguf"] = b"<!DOCTYPE html><title>Log in</title>" * 1000
    with pytest.raises(FormatError, match=r"starts with b'<!DO', expected b'GGUF'; a web page"):
        pull(f"{hub.urls['cdn']}/m.gguf")
    assert_nothing_kept(cache)


def test_a_cut_file_of_unknown_checksum_is_removed(hub: Hub, gguf: bytes, cache: Path) -> None:
    hub.plain["/m.gguf"] = gguf[:-100]
    with pytest.raises(FormatError, match=r"is it cut\?; removed"):
        pull(f"{hub.urls['cdn']}/m.gguf")
    assert_nothing_kept(cache)


def test_what_the_hub_vouches_for_stays_even_if_abi_cannot_read_it(hub: Hub) -> None:
    future = b"GGUF" + (99).to_bytes(4, "little") + bytes(1000)
    hub.repos["ab/cd-GGUF@main"]["cd-Q4_K_M.gguf"] = future
    with pytest.raises(FormatError, match=r"GGUF version 99.*is what the hub has, and stays"):
        pull(NAME)
    assert resolve(NAME).read_bytes() == future


@pytest.mark.parametrize("file", ["größe.gguf", "日本 model.gguf"])
def test_a_url_may_hold_any_letters(hub: Hub, gguf: bytes, file: str) -> None:
    hub.plain[f"/{file}"] = gguf
    url = f"{hub.urls['cdn']}/{file.replace(' ', '%20')}"
    path = pull(url)
    assert path.name == file
    assert path.read_bytes() == gguf


@pytest.mark.parametrize("encoding", ["", "Identity", " identity "])
def test_content_that_says_it_is_as_it_is_is_taken(hub: Hub, gguf: bytes, encoding: str) -> None:
    hub.faults = [Fault(headers={"Content-Encoding": encoding})]
    assert pull(NAME).read_bytes() == gguf


def test_a_proxy_that_refuses_is_named(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    with pytest.raises(
        DownloadError, match=r"h\.example \(by the proxy 127\.0\.0\.1:1\): .* 1 try$"
    ):
        pull("http://h.example/m.gguf", tries=1)


def test_a_file_beside_a_mirrors_pages_is_a_url(
    hub: Hub, gguf: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.plain["/m.gguf"] = hub.plain["/a/m.gguf"] = gguf
    monkeypatch.setenv("HF_ENDPOINT", hub.urls["cdn"])
    for path in ("/m.gguf", "/a/m.gguf"):
        assert pull(hub.urls["cdn"] + path).read_bytes() == gguf


def test_a_url_is_resumed_by_its_etag(hub: Hub, gguf: bytes) -> None:
    hub.plain["/a/m.gguf"] = gguf
    url = f"{hub.urls['cdn']}/a/m.gguf?x=1"
    hub.plain["/a/m.gguf"] = gguf
    hub.faults = [Fault(cut=CUT)]
    assert pull(url).read_bytes() == gguf
    assert ranges(hub) == [None, f"bytes={CUT}-"]
    assert hub.content[-1].headers["if-range"] == hub.etag(gguf)
    pull(url)
    assert len(hub.content) == 2
    assert resolve(url).read_bytes() == gguf


def test_a_url_whose_content_changes_in_between_begins_anew(
    hub: Hub, gguf: bytes, other_gguf: bytes
) -> None:
    def change() -> None:
        hub.plain["/m.gguf"] = other_gguf

    hub.plain["/m.gguf"] = gguf
    hub.faults = [Fault(cut=CUT, before=change)]
    assert pull(f"{hub.urls['cdn']}/m.gguf").read_bytes() == other_gguf
    assert hub.content[1].headers["if-range"] == hub.etag(gguf)
    assert hub.content[1].sent == [len(other_gguf)]


def test_a_url_without_etag_is_not_resumed(hub: Hub, gguf: bytes) -> None:
    hub.plain["/m.gguf"] = gguf
    hub.etag = lambda data: ""  # type: ignore[method-assign]
    hub.faults = [Fault(cut=CUT)]
    assert pull(f"{hub.urls['cdn']}/m.gguf").read_bytes() == gguf
    assert ranges(hub) == [None, None]


def test_a_url_that_says_no_length_is_checked_by_the_header(hub: Hub, gguf: bytes) -> None:
    hub.plain["/m.gguf"] = gguf
    url = f"{hub.urls['cdn']}/m.gguf"
    hub.faults = [Fault(headers={"Content-Length": ""})]
    assert pull(url).read_bytes() == gguf
    remove(url)
    hub.faults = [Fault(cut=CUT, headers={"Content-Length": ""})]
    with pytest.raises(FormatError, match="is it cut"):
        pull(url)


def test_a_proxy_of_the_environment_is_used(
    hub: Hub, gguf: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", hub.urls["cdn"])
    monkeypatch.setenv("no_proxy", "")
    hub.plain["/m.gguf"] = gguf
    assert pull("http://files.example/m.gguf").read_bytes() == gguf
    assert {r.path for r in hub.log} == {"http://files.example/m.gguf"}


def test_lengths_of_thousands_of_digits_are_no_numbers(hub: Hub, gguf: bytes) -> None:
    hub.faults = [
        Fault(status=429, headers={"Retry-After": "9" * 400}),
        Fault(cut=CUT, headers={"Content-Length": "9" * 5000}),
        Fault(headers={"Content-Range": f"bytes {'9' * 5000}-1/1"}),
    ]
    assert pull(NAME).read_bytes() == gguf


def test_compressed_content_is_refused(hub: Hub) -> None:
    hub.faults = [Fault(headers={"Content-Encoding": "gzip"})]
    with pytest.raises(DownloadError, match="comes compressed"):
        pull(NAME)


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,GGUF"])
def test_a_redirect_leaves_http_for_nothing_else(hub: Hub, target: str) -> None:
    hub.faults = [Fault(status=302, headers={"Location": target})]
    with pytest.raises(DownloadError, match=r"redirects to .*, which is not safe"):
        pull(NAME)


def test_a_redirect_loop_ends(hub: Hub) -> None:
    where = f"{hub.urls['cdn']}/ab/cd-GGUF/main/cd-Q4_K_M.gguf"
    hub.faults = [Fault(status=302, headers={"Location": where}) for _ in range(30)]
    with pytest.raises(DownloadError, match="answers 302"):
        pull(NAME)
    assert len(hub.content) < 15


def split_files(folder: Path) -> dict[str, bytes]:
    folder.mkdir(exist_ok=True)
    names = [["a"], ["b"], ["c"]]
    paths = [write_part(folder, no, 3, tensors) for no, tensors in enumerate(names)]
    return {f"Q6_K/{path.name}": path.read_bytes() for path in paths}


def test_a_split_model_comes_as_a_set(hub: Hub, tmp_path: Path) -> None:
    hub.repos["ab/cd-GGUF@main"] |= split_files(tmp_path / "s")
    steps: list[tuple[int, int]] = []
    path = pull("ab/cd-GGUF:Q6_K", progress=lambda *step: steps.append(step))
    assert path.name == "m-00001-of-00003.gguf"
    assert list(read(path).tensors) == ["a", "b", "c"]
    assert steps[-1][0] == steps[-1][1] == sum(map(len, split_files(tmp_path / "s").values()))
    assert pull("ab/cd-GGUF/Q6_K/m-00002-of-00003.gguf") == path
    assert [m.name for m in cached()] == ["ab/cd-GGUF:Q6_K"]


def test_a_split_model_by_url_comes_as_a_set(hub: Hub, tmp_path: Path) -> None:
    files = split_files(tmp_path / "s")
    hub.plain = {f"/{path}": data for path, data in files.items()}
    path = pull(f"{hub.urls['cdn']}/Q6_K/m-00003-of-00003.gguf")
    assert list(read(path).tensors) == ["a", "b", "c"]
    assert len(cached()) == 1


def test_a_split_model_with_a_part_gone_from_the_cache_is_not_whole(
    hub: Hub, tmp_path: Path
) -> None:
    hub.repos["ab/cd-GGUF@main"] |= split_files(tmp_path / "s")
    path = pull("ab/cd-GGUF:Q6_K")
    path.with_name("m-00002-of-00003.gguf").unlink()
    with pytest.raises(NotPulledError, match="abi pull ab/cd-GGUF:Q6_K fetches it"):
        resolve("ab/cd-GGUF:Q6_K")
    asked = len(hub.content)
    assert pull("ab/cd-GGUF:Q6_K") == path
    assert len(hub.content) == asked + 1


def test_parts_of_different_versions_are_not_one_model(hub: Hub, tmp_path: Path) -> None:
    files = split_files(tmp_path / "s")
    hub.repos["ab/cd-GGUF@main"] |= files
    pull("ab/cd-GGUF:Q6_K")
    third = "Q6_K/m-00003-of-00003.gguf"
    hub.repos["ab/cd-GGUF@main"][third] = files[third][:-1] + b"\1"
    hub.faults = [Fault(cut=0)]
    with pytest.raises(DownloadError):
        pull("ab/cd-GGUF:Q6_K", tries=1)
    with pytest.raises(NotPulledError, match="its parts are of different versions"):
        resolve("ab/cd-GGUF:Q6_K")
    pull("ab/cd-GGUF:Q6_K")
    assert resolve("ab/cd-GGUF:Q6_K").exists()


def test_revisions_are_kept_apart(hub: Hub, gguf: bytes, other_gguf: bytes) -> None:
    hub.repos["ab/cd-GGUF@refs/pr/1"] = {"cd-Q4_K_M.gguf": other_gguf}
    assert pull("ab/cd-GGUF@refs/pr/1").read_bytes() == other_gguf
    assert pull("ab/cd-GGUF").read_bytes() == gguf
    assert [m.name for m in cached()] == ["ab/cd-GGUF:Q4_K_M", "ab/cd-GGUF@refs/pr/1:Q4_K_M"]


def test_a_mirror_may_lie_below_a_path(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", f"{hub.endpoint}/mirror/")
    assert (
        pull(f"{hub.endpoint}/mirror/ab/cd-GGUF/resolve/main/cd-Q8_0.gguf").name == "cd-Q8_0.gguf"
    )
    assert all(r.path.startswith("/mirror/") for r in hub.log if r.server == "hub")


@pytest.mark.parametrize("variable", ["ABI_OFFLINE", "HF_HUB_OFFLINE"])
def test_offline_takes_the_cache_alone(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    path = pull(NAME)
    monkeypatch.setenv(variable, "1")
    hub.log.clear()
    assert pull(NAME) == path
    with pytest.raises(NotPulledError, match=rf"cache has no Q8_0.*, and {variable} is set; unset"):
        pull("ab/cd-GGUF:Q8_0")
    assert hub.log == []


def test_in_a_browser_the_cure_is_named(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_platform, "has_sockets", lambda: False)
    with pytest.raises(UnsupportedError, match="fetch the file in JavaScript"):
        pull(NAME)


@pytest.mark.parametrize(
    "path",
    [
        "../../../x-Q4_K_M.gguf", "/etc/x-Q4_K_M.gguf", "a/../../x-Q4_K_M.gguf",
        "..\\..\\x-Q4_K_M.gguf", "C:\\x-Q4_K_M.gguf", "C:x-Q4_K_M.gguf", "a//x-Q4_K_M.gguf",
        "con/x-Q4_K_M.gguf", "nul.Q4_K_M.gguf", "x-Q4_K_M.gguf:stream.gguf", "a./x-Q4_K_M.gguf",
        "a /x-Q4_K_M.gguf", "x\n-Q4_K_M.gguf", "x\0-Q4_K_M.gguf", "\ud800-Q4_K_M.gguf",
        f"{'x' * 300}-Q4_K_M.gguf",
    ],
)  # fmt: skip
def test_a_list_cannot_lead_out_of_the_cache(hub: Hub, cache: Path, path: str) -> None:
    hub.entries = [{"type": "file", "path": path, "size": 4, "oid": "0" * 40}]
    with pytest.raises(InputError, match="not safe on every system"):
        pull(NAME)
    assert_nothing_kept(cache)


def test_a_broken_token_or_mirror_is_a_mistake(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "a\nb")
    with pytest.raises(InputError, match="HF_TOKEN holds characters"):
        pull(NAME)
    for address in (
        "hub.example",
        "ftp://hub",
        "https://",
        "http://[::1",
        "http://a b",
        "http://h:x",
    ):
        monkeypatch.setenv("HF_ENDPOINT", address)
        with pytest.raises(InputError, match="HF_ENDPOINT"):
            pull(NAME)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
KEYS = st.sampled_from(["type", "path", "size", "oid", "lfs", "x"])


@settings(max_examples=50)
@given(st.lists(VALUES | st.dictionaries(KEYS, VALUES | st.just("file"))))
def test_any_list_is_one_of_files_or_one_error(entries: list[Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(abi_hub._api, "_get_json", lambda *_: (entries, "", 0))
        name = abi_hub.parse("a/b")
        try:
            files = abi_hub._api.list_files(abi_hub._http.Http("http://x", ""), name)
            abi_hub._files.choose(name, files, "a/b")
        except (DownloadError, InputError):
            return


def test_a_list_without_end_is_given_up(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(abi_hub._api, "_MAX_BYTES", 500)
    hub.page = 1
    with pytest.raises(DownloadError, match="the list of files has over 500 bytes"):
        pull(NAME)
