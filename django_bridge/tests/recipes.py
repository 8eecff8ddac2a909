"""The recipes of the handbook, taken from its page, and the sites that they are run on."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
from pathlib import Path

from django_sespan._internal.tokens import SigningKey
from ten_minutes.environment import environment
from ten_minutes.handbook import ROOT

PAGE = ROOT / "docs" / "django-recipes.md"
MARKED = re.compile(r"<!-- recipe: ([a-z-]+) -->\n```\w+\n(.*?)```", re.DOTALL)
SITES = Path(__file__).parent / "recipe_sites"


def recipes() -> dict[str, str]:
    """Name → the block, as it stands on the page."""
    found = MARKED.findall(PAGE.read_text())
    assert len(dict(found)) == len(found), "two blocks have one name"
    return dict(found)


def lines(block: str) -> int:
    """What a reader has to write."""
    return len([line for line in block.splitlines() if line.strip()])


def site(name: str, folder: Path) -> Path:
    """Copy a site into a folder of its own; the recipes are appended there."""
    shutil.copytree(SITES / name, folder / name)
    return folder / name / "shop"


def run_tests(shop: Path) -> str:
    """Run the suite of the site, with the packages that it is for; give what was printed."""
    key = shop.parent / "checkout.pem"
    key.write_bytes(SigningKey.generate().pem())
    key.chmod(0o600)
    source = ROOT / "django_bridge" / "src"
    done = subprocess.run(
        [environment() / "bin" / "python", SITES / "manage.py", "test", "--verbosity=1", "shop"],
        cwd=shop.parent,
        env={
            **{k: v for k, v in os.environ.items() if not k.startswith(("DJANGO", "PY", "SESPAN"))},
            "PYTHONPATH": f"{shop.parent}:{SITES}:{source}",
            "PYTHONWARNINGS": "error::DeprecationWarning:django_sespan",
            "PYTHONDONTWRITEBYTECODE": "1",
            "SHOP_DATABASE": os.environ["SESPAN_TEST_DATABASE_URL"],
            "SHOP_RUN": secrets.token_hex(4),
            "SHOP_SIGNING_KEY": str(key),
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    assert "skipped" not in output
    return output


def ran(output: str) -> int:
    """How many tests ran."""
    found = re.search(r"Ran (\d+) tests?", output)
    assert found, output
    return int(found[1])
