"""What code beside the bridge raises is logged without the row that PostgreSQL shows."""

from __future__ import annotations

import pytest
from asgiref.sync import async_to_sync
from django.apps import apps
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.db import DatabaseError, connection, transaction

from django_sespan import aio, signals
from django_sespan._internal import allauth_address, people_signals
from django_sespan.mail import EmailBackend

ROW = {"username": "siti", "email": "siti@example.com", "first_name": "no", "password": "md5$"}


def refused(*_, **__):
    with transaction.atomic():
        User.objects.create(**ROW)


@pytest.fixture(autouse=True)
def _rule(db):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE auth_user ADD CONSTRAINT site_rule CHECK (first_name <> 'no')")


def shows_the_rule_alone(caplog):
    assert "site_rule" in caplog.text
    for secret in ("DETAIL", "Failing row", ROW["email"], ROW["password"]):
        assert secret not in caplog.text


@pytest.mark.parametrize("name", ["mail_failed", "mail_sent", "transaction_drawn"])
def test_of_a_receiver(sespan, caplog, name):
    signal = getattr(signals, name)
    signal.connect(refused)
    try:
        if signal is signals.mail_failed:
            wrong = EmailMessage("s", "b", "shop@example.com", ["nobody"])
            assert EmailBackend(fail_silently=True).send_messages([wrong]) == 0
        elif signal is signals.transaction_drawn:
            async_to_sync(aio.price)(7, "A1", "100")
        else:
            signals.send_signal(signal, sender=EmailBackend, outcome=None)
    finally:
        signal.disconnect(refused)
    shows_the_rule_alone(caplog)


def test_of_a_receiver_that_is_awaited(caplog):
    with pytest.raises(DatabaseError) as raised:
        refused()

    async def later(**_):
        raise raised.value

    signals.mail_sent.connect(later)
    try:
        signals.send_signal(signals.mail_sent, sender=EmailBackend, outcome=None)
    finally:
        signals.mail_sent.disconnect(later)
    shows_the_rule_alone(caplog)


def test_of_the_table_of_allauth(monkeypatch, caplog):
    monkeypatch.setattr(apps, "is_installed", lambda name: True)
    monkeypatch.setattr(allauth_address, "_mark", refused)
    allauth_address.mark_verified(User(pk=7))
    shows_the_rule_alone(caplog)


def test_of_what_sees_changes_of_people(caplog):
    people_signals.harmless(refused)()
    shows_the_rule_alone(caplog)
