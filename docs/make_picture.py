"""Draw the README's picture: a terminal session, run for real and set as SVG.

python docs/make_picture.py          writes docs/images/session.svg
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import textwrap
from html import escape
from pathlib import Path

COMMANDS = (
    'abi demo "What happens to my data when the process is killed?"',
    'abi run -p "Once upon a time" --temp 0 --stop But',
)
WIDTH, LINE, PAD = 96, 19, 18
PROMPT = "#7ee787"
TEXT = "#e6edf3"
GROUND = "#0d1117"


def session() -> list[tuple[str, str]]:
    """Colour and text of each line."""
    lines = []
    for command in COMMANDS:
        lines.append((PROMPT, f"$ {command}"))
        words = command.removeprefix("abi ")
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                "import sys, abi.cli; sys.exit(abi.cli.main())",
                *shlex.split(words),
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        for line in done.stdout.splitlines():
            lines += [(TEXT, part) for part in textwrap.wrap(line, WIDTH) or [""]]
        lines.append((TEXT, ""))
    return lines[:-1]


def draw(lines: list[tuple[str, str]]) -> str:
    """The session as SVG."""
    width, height = WIDTH * 8 + 2 * PAD, len(lines) * LINE + 2 * PAD + 22
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" role="img" aria-label="A terminal session with abi">',
        f'<rect width="{width}" height="{height}" rx="9" fill="{GROUND}"/>',
    ]
    for i, colour in enumerate(("#ff5f57", "#febc2e", "#28c840")):
        out.append(f'<circle cx="{PAD + 6 + 20 * i}" cy="{PAD}" r="6" fill="{colour}"/>')
    out.append(
        '<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="13">'
    )
    for i, (colour, text) in enumerate(lines):
        y = PAD + 38 + i * LINE
        out.append(
            f'<text x="{PAD}" y="{y}" fill="{colour}" xml:space="preserve">{escape(text)}</text>'
        )
    return "\n".join([*out, "</g>", "</svg>", ""])


def main() -> None:
    path = Path(__file__).parent / "images" / "session.svg"
    path.write_text(draw(session()))
    print(path)


if __name__ == "__main__":
    main()
