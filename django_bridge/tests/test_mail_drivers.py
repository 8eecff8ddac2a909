"""The backend's tests once more on psycopg2 and with the options of psycopg 3.

Django chooses the driver when it is imported, so each run is a process of its own, with
a database of its own on the same server.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
FILES = ["test_mail.py", "test_mail_options.py", "test_mail_shapes.py", "test_mail_batch.py"]


@pytest.mark.parametrize("driver", ["psycopg2", "server_side_binding", "pool"])
def test_the_same_on(driver):
    files = [str(TESTS / name) for name in FILES]
    if driver != "pool":  # only these bring bytes in another way
        files.append(str(TESTS / "test_mail_attachments.py"))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "driver_plugin", "-p", "no:cacheprovider",
         "-c", str(TESTS.parent / "pyproject.toml"), *files],
        env={**os.environ, "SESPAN_TEST_DRIVER": driver, "PYTHONPATH": str(TESTS)},
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert re.search(r"\d+ passed", done.stdout)
    assert "skipped" not in done.stdout
