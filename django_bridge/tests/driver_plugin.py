"""`pytest -p driver_plugin`: the same tests on another driver, or with its options.

SESPAN_TEST_DRIVER: psycopg2, server_side_binding or pool.
"""

from __future__ import annotations

import os
import sys

DRIVER = os.environ["SESPAN_TEST_DRIVER"]

if DRIVER == "psycopg2":
    sys.modules["psycopg"] = None  # Django takes psycopg 3 as soon as it can be imported


def pytest_configure(config):
    from django.conf import settings

    if DRIVER in {"server_side_binding", "pool"}:
        settings.DATABASES["default"]["OPTIONS"] = {DRIVER: True}


def pytest_report_header(config):
    from django.db.backends.postgresql.psycopg_any import is_psycopg3

    assert is_psycopg3 == (DRIVER != "psycopg2")
    return f"driver: {DRIVER}"
