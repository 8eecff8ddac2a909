"""Registrations for which nothing was made: at the same moment as a real one, and in trouble."""

from __future__ import annotations

import logging
import threading

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client

from registrants import LOGIN_URL, PASSWORD, REGISTER_URL, form, prepare

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("bound", "sespan")]

WAITERS = "SELECT count(*) FROM pg_locks WHERE NOT granted"


def post(answers, name, email):
    try:
        answers.append(Client().post(REGISTER_URL, form(name, email=email)))
    finally:
        connection.close()


@pytest.mark.parametrize("state", ["unknown", "verified"])
def test_a_name_that_somebody_takes_at_this_moment(state):
    """Whoever registers it waits for the outcome, for a known and an unknown address."""
    prepare(state)
    answers = []
    second = threading.Thread(target=post, args=(answers, "fresh", "budi@example.com"))
    with transaction.atomic():
        User.objects.create_user("fresh", "other@example.com", PASSWORD)
        second.start()
        with connection.cursor() as cursor:
            found = 0
            while not found and second.is_alive():
                cursor.execute(WAITERS)
                found = cursor.fetchone()[0]
    second.join(60)
    assert found
    assert "already exists" in answers[0].text
    assert User.objects.count() == (1 if state == "unknown" else 2)


def test_where_the_database_does_not_answer_none_is_known(caplog):
    """A login does not depend on it."""
    caplog.set_level(logging.WARNING, "django_sespan")
    User.objects.create_user("budi", "budi@example.com", PASSWORD)
    with connection.cursor() as cursor:
        cursor.execute("ALTER FUNCTION sespan.pretended_find(text, text) RENAME TO away")
        try:
            wrong = Client().post(LOGIN_URL, {"username": "budi", "password": "wrong"})
            right = Client().post(LOGIN_URL, {"username": "budi", "password": PASSWORD})
        finally:
            cursor.execute("ALTER FUNCTION sespan.away(text, text) RENAME TO pretended_find")
    assert (wrong.status_code, right.status_code) == (200, 302)
    assert "No pretended registration is known or kept" in caplog.text
    assert "wrong" not in caplog.text
