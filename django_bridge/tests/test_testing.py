"""The suite of a small site passes with no Sespan schema, no server and no network.

Its tests are in kit_site/; here they are run as that site's owner runs them, each in a
process of its own.
"""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from django.core.management import call_command
from psycopg import sql

import database

SITE = Path(__file__).parent / "kit_site"
SQLITE = "sqlite:"
MANAGE = ("-W", "error", "manage.py", "test", "--verbosity=1")


@pytest.fixture
def server():
    return os.environ["SESPAN_TEST_DATABASE_URL"]


def python(*arguments, cwd=SITE, **environment):
    """Run it and give what it output; it must end well."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={
            **{k: v for k, v in os.environ.items() if not k.startswith(("DJANGO_", "PYTEST_"))},
            "SHOP_RUN": secrets.token_hex(4),
            "PYTHONDONTWRITEBYTECODE": "1",
            **environment,
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


def count(pattern, output):
    found = re.search(pattern, output)
    assert found, output
    return int(found[1])


def ran(output):
    return count(r"Ran (\d+) tests?", output)


def test_with_pytest(server):
    output = python("-m", "pytest", "shop/tests", SHOP_DATABASE=server)
    assert count(r"(\d+) passed", output) >= 20


def test_with_the_test_command_in_parallel(server):
    output = python(*MANAGE, "--parallel=2", "shop.tests", SHOP_DATABASE=server)
    assert "Cloning test database" in output
    assert "System check identified no issues" in output
    assert ran(output) >= 15


def test_with_serialised_rollback(server):
    assert ran(python(*MANAGE, "shop.serialised", SHOP_DATABASE=server)) == 2


def test_on_sqlite():
    """The queue needs PostgreSQL; a suite with Sespan in memory does not, nor do the migrations."""
    assert ran(python(*MANAGE, "shop.tests", SHOP_DATABASE=SQLITE)) >= 15


@pytest.mark.django_db
def test_the_models_have_their_migrations():
    call_command("makemigrations", "sespan", check_changes=True, verbosity=0)


@pytest.fixture
def template(server):
    """A database with Sespan's schema and nothing else."""
    name = f"kit_template_{secrets.token_hex(4)}"
    with psycopg.connect(server, autocommit=True) as other:
        other.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            with psycopg.connect(server, dbname=name, autocommit=True) as inside:
                for statement in database.schema_sql():
                    inside.execute(statement)
            yield name
        finally:
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
            other.execute(drop)


def test_with_the_schema_in_the_test_database(server, template):
    output = python(*MANAGE, "shop.bound", SHOP_DATABASE=server, SHOP_TEMPLATE=template)
    assert ran(output) == 3


LOCMEM = """
import django
django.setup()
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django_sespan.client import get_client
from django_sespan.testing import FakeClient

EmailBackend().send_messages([mail.EmailMessage("s", "b", "a@example.com", ["b@example.com"])])
assert len(mail.outbox) == 1
assert not isinstance(get_client(), FakeClient)
"""


def test_a_running_site_with_mail_in_memory_is_no_test_run():
    python("-c", LOCMEM, SHOP_DATABASE=SQLITE, DJANGO_SETTINGS_MODULE="shop.settings")


NO_DJANGO = """
import sys
import pytest

def test_django_is_left_alone():
    assert not [name for name in sys.modules if name.split(".")[0] == "django"]

def test_the_fixture_says_what_is_missing(request):
    with pytest.raises(pytest.fail.Exception, match="Django test run"):
        request.getfixturevalue("sespan")
"""


def test_pytest_without_django(tmp_path):
    (tmp_path / "test_other.py").write_text(NO_DJANGO)
    arguments = ("-W", "error", "-m", "pytest", "-p", "no:django", "-p", "no:cacheprovider")
    assert count(r"(\d+) passed", python(*arguments, cwd=tmp_path)) == 2
