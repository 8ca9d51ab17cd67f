"""Bytes to text: marks, UTF-16 without one, legacy encodings, binary files, line ends."""

from __future__ import annotations

import codecs

import pytest

from abi.documents import is_text, read
from abi.errors import FormatError

from .show import shown

SENTENCES = {
    "cp1251": "Сегодня хорошая погода, и мы пойдём гулять в Парк Горького.",
    "koi8_r": "Сегодня хорошая погода, и мы пойдём гулять в Парк Горького.",
    "cp866": "Сегодня хорошая погода, и мы пойдём гулять в Парк Горького.",
    "cp932": "今日は天気がいいので、公園を散歩しましょう。カメラも持って行きます。",
    "euc_jp": "今日は天気がいいので、公園を散歩しましょう。カメラも持って行きます。",
    "gb18030": "今天天气很好，我们去公园散步吧。别忘了带上你的照相机。",
    "big5": "今天天氣很好，我們去公園散步吧。別忘了帶上你的照相機。",
    "cp949": "오늘은 날씨가 좋으니 공원에 산책하러 갑시다. 사진기도 가져가세요.",
    "cp1252": "Le garçon a mangé des crêpes à l’hôtel, où il était déjà allé.",
}


@pytest.mark.parametrize("encoding", SENTENCES)
def test_legacy_encodings_are_told_apart(encoding: str) -> None:
    document = read(SENTENCES[encoding].encode(encoding), "a.txt")
    assert document.meta["encoding"] == encoding
    assert document.blocks[0].text == SENTENCES[encoding]


@pytest.mark.parametrize(
    "text", ["Größe: 5 µm, 20 °C", "naïve café", "¿Qué tal, señor?", "“Quotes” – and 5 €", "é"]
)
def test_a_few_accents_are_windows_1252(text: str) -> None:
    assert shown(text.encode("cp1252"), "a.txt")[0][3] == text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_marks_of_byte_order(encoding: str) -> None:
    mark = {
        "utf-8": codecs.BOM_UTF8, "utf-16-le": codecs.BOM_UTF16_LE,
        "utf-16-be": codecs.BOM_UTF16_BE, "utf-32-le": codecs.BOM_UTF32_LE,
        "utf-32-be": codecs.BOM_UTF32_BE,
    }[encoding]  # fmt: skip
    document = read(mark + "# Ä 漢".encode(encoding), "a.md")
    assert document.blocks[0].text == "Ä 漢"
    assert document.meta["encoding"] == encoding


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark(encoding: str) -> None:
    assert shown("Hello, größe\nx".encode(encoding), "a.txt")[0][3] == "Hello, größe\nx"


def test_utf8_with_a_broken_byte_is_utf8() -> None:
    document = read("äöü é ñ ".encode() * 20 + b"\xff end", "a.txt")
    assert document.meta["encoding"] == "utf-8"
    assert document.blocks[0].text.endswith("\ufffd end")


def test_every_end_of_line_counts_one() -> None:
    assert [one[2] for one in shown(b"a\r\n\r\nb\r\rc\n\nd", "a.txt")] == [1, 3, 5, 7]


@pytest.mark.parametrize(
    "data", [b"\x7fELF\x02\x01\0\0", b"PK\x03\x04rest", b"%PDF-1.4", bytes(range(32)) * 9, b"a\0b"]
)
@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.html", "a.py", "a.csv", "a.json", "a.rst"])
def test_binary_data_is_refused(data: bytes, name: str) -> None:
    assert not is_text(data)
    with pytest.raises(FormatError, match=f"{name}: binary data, {len(data)} bytes"):
        read(data, name)


def test_text_is_text() -> None:
    assert is_text(b"") and is_text(b"a\tb\r\n\f\x1b[0m") and is_text("é".encode("cp1252"))
