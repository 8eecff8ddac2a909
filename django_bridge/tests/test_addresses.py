"""One mailbox is one mailbox for every form, and its likes are others.

The look-ups run in databases of a Turkish locale too, of ICU and of the C library: there
the capital of i is not I.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, nullcontext

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from django.test import Client

import database
from django_sespan._internal import accounts, address
from django_sespan.mail import queue_admin
from registrants import OTHER, PASSWORD, REGISTER_URL, form
from test_address import VECTORS

User = get_user_model()

LOCALES = {
    "icu": "LOCALE_PROVIDER icu ICU_LOCALE 'tr-TR' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'",
    "libc": "LOCALE_PROVIDER libc LC_COLLATE 'tr_TR.UTF-8' LC_CTYPE 'tr_TR.UTF-8'",
}

LETTERS = [("e", "ｅ"), ("x", "ⓧ"), ("a", "𝐚"), ("m", "Ⓜ"), ("p", "ｐ"), ("l", "𝓁"), ("e", "E")]
SPELLINGS = [
    "victim@" + "".join(forms[n >> i & 1] for i, forms in enumerate(LETTERS)) + ".com"
    for n in range(128)
]

STORED = [
    "INFO@MAIL-IN.com",
    "ınfo@mail-in.com",
    "info@maıl-in.com",
    "x@fass.de",
    "x@FAß.de",
    "Émile@example.com",
    "Jörg@BÜCHER.example",
    "iI@example.com",
]
FOUND = {
    "info@mail-in.com": "INFO@MAIL-IN.com",
    "ｉnfo@mail-in.com": "INFO@MAIL-IN.com",
    "INFO@maıl-in.com": "info@maıl-in.com",
    "ınfo@MAIL-IN.com": "ınfo@mail-in.com",
    "X@FASS.DE": "x@fass.de",
    "x@faß.de": "x@FAß.de",
    "x@xn--fa-hia.de": "x@FAß.de",
    "ÉMILE@example.com": "Émile@example.com",
    "JÖRG@xn--bcher-kva.example": "Jörg@BÜCHER.example",
    "Ii@EXAMPLE.com": "iI@example.com",
    "ınfo@maıl-in.com": None,
    "emile@example.com": None,
    "nobody": None,
}


@contextmanager
def _database(locale):
    """Let the connection go to a database of this locale, with the tables of the site."""
    name, before = f"locale_{os.getpid()}", connection.settings_dict["NAME"]
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name} TEMPLATE template0 {locale}")
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT upper('i') <> 'I' AND lower('I') <> 'i'")
            assert cursor.fetchone()[0], "the locale is not Turkish"
        call_command("migrate", verbosity=0)
        with connection.cursor() as cursor:
            for sql in database.schema_sql():
                cursor.execute(sql)
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = before
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["default", *LOCALES])
def any_locale(request, transactional_db):
    """The test runs in a database of each locale."""
    with _database(LOCALES[request.param]) if request.param in LOCALES else nullcontext():
        yield


def test_accounts_are_found_by_the_address_key(any_locale):
    for n, email in enumerate(STORED):
        User(username=f"u{n}", email=email).save()
    for email, want in FOUND.items():
        found = accounts.with_email(email)
        assert [user.email for user in found] == ([want] if want else []), email


def test_registrations_go_by_the_address_key(any_locale, memory):
    """128 spellings are one registration; another domain never takes over an unfinished one."""
    Client().post(REGISTER_URL, form("wide", email="Victim@ｅxample.com"))
    for n, email in enumerate(SPELLINGS[::7]):
        assert Client().post(REGISTER_URL, form(f"name{n}", email=email)).status_code < 500
    assert [user.email.lower() for user in User.objects.all()] == ["victim@example.com"]
    assert len(memory.outbox) == 1

    for waiting, likes in [("waits@mail-in.com", "waits@maıl-in.com"), ("w@fass.de", "w@faß.de")]:
        Client().post(REGISTER_URL, form(waiting, email=waiting))
        Client().post(REGISTER_URL, form(f"like{waiting}", email=likes, password=OTHER))
        first = User.objects.get(username=waiting)
        assert first.email == waiting
        assert first.check_password(PASSWORD)
        assert User.objects.get(username=f"like{waiting}").email == address.mailbox(likes)


def test_one_mailbox_has_one_budget(any_locale, sespan, runtime):
    """Whichever spelling a form takes: the second mail waits."""
    assert runtime.budgets.take("mails", SPELLINGS[0], known=False, visitor=None) == 0
    for email in SPELLINGS[1:]:
        assert runtime.budgets.take("mails", email, known=False, visitor=None) > 0, email
    for other in ("victim@exampıe.com", "vıctim@example.com"):
        assert runtime.budgets.take("mails", other, known=False, visitor=None) == 0


def test_spellings_are_of_one_key():
    for given in [v["address"] for v in VECTORS] + STORED + SPELLINGS:
        spelled = address.spellings(given)
        assert all(address.same(given, other) for other in spelled), given
    assert address.spellings("INFO@mail-in.com") == ["INFO@mail-in.com"]


def test_staff_write_domains_as_they_are_spelled(any_locale):
    using = "default"
    assert queue_admin.pause(using, "domain:BÜCHER.example", "ann")[0]["what"] == (
        "domain:xn--bcher-kva.example"
    )
    assert queue_admin.resume(using, "domain:bücher.example", "ann")
