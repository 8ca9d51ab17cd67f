"""Certificates are verified, and a redirect does not leave https."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from abi.errors import DownloadError
from abi.hub import pull
from tests.hub.server import Hub, serving
from tests.require import require

NAME = "ab/cd-GGUF:Q4_K_M"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that no authority vouches for, with its key in the same file."""
    require("openssl", shutil.which("openssl") is not None, "openssl is not installed")
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-addext", "keyUsage=digitalSignature,keyCertSign"]  # Python 3.13 is strict
    command += ["-days", "2", "-keyout", str(path), "-out", str(path.with_name("cert.pem"))]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    with path.open("a") as both:
        both.write(path.with_name("cert.pem").read_text())
    return path


@pytest.fixture
def secure_hub(
    certificate: Path, cache: Path, gguf: bytes, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Hub]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    with serving(tls) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        hub.repos["ab/cd-GGUF@main"] = {"cd-Q4_K_M.gguf": gguf}
        yield hub


def test_an_unknown_authority_is_refused_at_once_with_the_cure(
    secure_hub: Hub, naps: list[float]
) -> None:
    with pytest.raises(DownloadError, match=r"certificate verify failed.*SSL_CERT_FILE"):
        pull(NAME)
    assert naps == []
    assert secure_hub.log == []


def test_a_redirect_from_https_to_http_is_refused(
    secure_hub: Hub, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.with_name("cert.pem")))
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with pytest.raises(DownloadError, match="redirects to http:, which is not safe"):
        pull(NAME)
    assert [r.server for r in secure_hub.log] == ["hub", "hub"]
    assert {r.headers["authorization"] for r in secure_hub.log} == {"Bearer hf_secret"}
