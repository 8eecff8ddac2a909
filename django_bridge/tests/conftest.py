from __future__ import annotations

import os
from io import StringIO

import pytest

import database

collect_ignore = ["kit_site"]  # a site of its own, run by test_testing.py

_ENDINGS = pytest.StashKey[list]()


def pytest_configure(config):
    """Give the settings a server, before anything connects."""
    from django.conf import settings

    config.stash[_ENDINGS] = []
    url = os.environ.get("SESPAN_TEST_DATABASE_URL")
    if url is None:
        server = database.private_server()
        url = os.environ["SESPAN_TEST_DATABASE_URL"] = server.__enter__()
        config.stash[_ENDINGS].append(lambda: server.__exit__(None, None, None))
    settings.DATABASES["default"].update(database.django_settings(url))


def pytest_unconfigure(config):
    for end in config.stash.get(_ENDINGS, []):
        end()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """Put Sespan's schema beside the site's tables, as `sespan migrate` does."""
    from django.db import connection

    if not connection.settings_dict["NAME"].startswith("test_"):
        return  # no test of this run asks for the database of the tests
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        for sql in database.schema_sql():
            cursor.execute(sql)


@pytest.fixture
def runtime():
    from django_sespan._internal.runtime import runtime

    return runtime


@pytest.fixture(autouse=True)
def sespan(runtime, monkeypatch):
    """The service of this test; nothing ever reaches a network."""
    from django.core.cache import cache

    from django_sespan import client
    from django_sespan._internal import customer_table
    from django_sespan.conf import get_settings
    from fake import FakeSespan

    cache.clear()
    fake = FakeSespan()
    original = client.Transport

    def wire(*args, **options):
        return original(*args, **options | {"transport": fake.transport()})

    monkeypatch.setattr(client, "Transport", wire)
    read = customer_table._read

    def table():
        try:
            return read()
        except RuntimeError:  # a test that may not use the database
            return None

    monkeypatch.setattr(customer_table, "_read", table)
    get_settings.cache_clear()
    runtime.close()
    runtime._login_queue = None
    yield fake
    if runtime._login_queue is not None:
        assert runtime._login_queue.drain(10)
    runtime.close()
    runtime._login_queue = None
    get_settings.cache_clear()


@pytest.fixture
def own_backend(settings):
    """Mail goes into the queue; otherwise pytest-django's outbox takes it."""
    import django

    if django.VERSION >= (6, 1):
        settings.MAILERS = {"default": {"BACKEND": "django_sespan.mail.EmailBackend"}}
    else:
        settings.EMAIL_BACKEND = "django_sespan.mail.EmailBackend"


@pytest.fixture
def signing_key(settings, tmp_path):
    """A key on disk, in the settings."""
    from django_sespan._internal.tokens import SigningKey

    key = SigningKey.generate()
    path = tmp_path / "checkout.pem"
    path.write_bytes(key.pem())
    path.chmod(0o600)
    settings.SESPAN = {**settings.SESPAN, "SIGNING_KEY_FILE": str(path)}
    return key


@pytest.fixture
def memory(sespan, settings, runtime):
    """Sespan in memory with all its rules, as a site's own tests have it."""
    settings.SESPAN = {**settings.SESPAN, "FAKE": True}
    runtime.in_memory.reset()
    return runtime.in_memory


@pytest.fixture
def bound(db):
    """What `sespan bind-customers` does, but for the foreign keys, which a flush cannot pass."""
    import json

    from django.db import connection

    names = {"customer_id": "id", "email": "email", "username": "username"}
    names |= {name: name for name in ("is_active", "date_joined")}
    columns = json.dumps({name: {"column": source} for name, source in names.items()})
    with connection.cursor() as cursor:
        bind = "SELECT sespan.customer_bind('public.auth_user'::regclass, %s::jsonb)"
        cursor.execute(bind, [columns])
    yield
    with connection.cursor() as cursor:
        cursor.execute("SELECT sespan.customer_unbind()")
        cursor.execute(
            "TRUNCATE sespan.otp_activation, sespan.otp_challenge, sespan.otp,"
            " sespan.otp_budget, sespan.budget, sespan.budget_site,"
            " sespan.pretended_registration"
        )


@pytest.fixture
def figures(memory, signing_key, settings):
    """A shop in Jakarta with 120 orders a day."""
    settings.TIME_ZONE = "Asia/Jakarta"
    memory.stats.orders_per_day = 120
    return memory


@pytest.fixture
def viewer(client, db):
    """A browser of somebody who may see the dashboard."""
    from people import person

    client.force_login(person("dewi", "dashboard"))
    return client


@pytest.fixture
def groups(db):
    """The groups of the roles."""
    from django.core.management import call_command

    call_command("sespan_init", "--groups-only", stdout=StringIO())


@pytest.fixture
def anna(client, groups):
    """Logged in: an admin of the staff."""
    from people import group, person

    made = person("anna", is_staff=True)
    made.groups.add(group("admin"))
    client.force_login(made)
    return made
