"""The main flows in a site with users of its own kind, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent


def test_users_who_log_in_by_a_number():
    """No user name, an address under another name, a table in capitals, USE_TZ off."""
    command = [sys.executable, "-m", "pytest", "-q", "-c", str(TESTS.parent / "pyproject.toml")]
    command += ["--ds=number_site.settings", "-p", "no:cacheprovider"]
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DJANGO_", "PYTEST_"))}
    done = subprocess.run(
        [*command, str(TESTS / "number_site" / "walk.py")],
        cwd=TESTS.parent,
        env=kept | {"PYTHONPATH": os.pathsep.join((str(TESTS.parent / "src"), str(TESTS)))},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 passed" in done.stdout
