"""Read the marked blocks of the handbook.

A mark is an HTML comment before a fence, `<!-- ten-minutes: NAME -->`; the test runs what
the fence holds, so that the text and what works cannot drift apart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGES = tuple(ROOT / "docs" / name for name in ("install.md", "django.md", "django-operations.md"))
MARKED = re.compile(r"<!-- ten-minutes: ([a-z-]+) -->\n\s*```(\w+)\n(.*?)```", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fence: its language and its text."""

    language: str
    text: str

    def commands(self) -> list[str]:
        """The lines after `$ `, each with its continuation lines."""
        found, lines = [], iter(self.text.splitlines())
        for line in lines:
            if not line.strip().startswith("$ "):
                continue
            command = line.strip().removeprefix("$ ")
            while command.endswith("\\"):
                command = command[:-1] + next(lines).strip()
            found.append(command)
        return found

    def output(self) -> list[str]:
        """What the page shows as printed."""
        lines, printed, going_on = self.text.splitlines(), [], False
        for line in lines:
            typed = going_on or line.strip().startswith("$ ")
            going_on = typed and line.endswith("\\")
            if not typed:
                printed.append(line)
        return printed


def blocks() -> dict[str, Block]:
    found: dict[str, Block] = {}
    for page in PAGES:
        for name, language, text in MARKED.findall(page.read_text()):
            assert name not in found, f"two blocks are marked {name}"
            found[name] = Block(language, text)
    return found
