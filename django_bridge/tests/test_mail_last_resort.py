"""Mails of the last resort arrive; where they cannot, nothing is raised and somebody is told."""

from __future__ import annotations

import io
import logging
import sys

import django
import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.mail import EmailMessage
from django.db import IntegrityError, connection, transaction
from django.utils.log import AdminEmailHandler

from django_sespan import errors, signals
from django_sespan.mail import last_resort
from mail_rows import count, row

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_backend", "people")]

LONG = "x" * 3000


@pytest.fixture
def people(settings):
    settings.ADMINS = settings.MANAGERS = (
        [("Admin", "admin@example.com")] if django.VERSION < (6,) else ["admin@example.com"]
    )


@pytest.fixture
def log():
    logger = logging.getLogger("shop.orders")
    handler = AdminEmailHandler()
    logger.addHandler(handler)
    yield logger
    logger.removeHandler(handler)


@pytest.fixture
def failed():
    seen = []

    def receiver(**kwargs):
        seen.append(kwargs)

    signals.mail_failed.connect(receiver)
    yield seen
    signals.mail_failed.disconnect(receiver)


def newest():
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(message_id) FROM sespan.mail_message")
        return row(cursor.fetchone()[0])


def lost():
    with connection.cursor() as cursor:
        cursor.execute("SELECT sespan.mail_lost()")
        return cursor.fetchone()[0]


def error(log):
    log.error("late")


def admins(log):
    mail.mail_admins("subject", "body", html_message="<p>body</p>")


def managers(log):
    mail.mail_managers("subject", "body")


THREE = pytest.mark.parametrize("tell", [error, admins, managers])


class TestIsMailed:
    @pytest.mark.parametrize(
        ("text", "subject"),
        [
            ("order 17\tis late", "order 17 is late"),
            ("two\r\nlines", None),
            ("nul \x00", "nul \ufffd"),
            ("half \ud800", "half \ufffd"),
            ("escaped \udcc3\udca9", "escaped é"),
            (LONG, LONG),
            ("y" * 20_000, "y" * 9_000),
        ],
    )
    @THREE
    def test_whatever_the_text(self, log, tell, text, subject):
        before = count()
        if tell is error:
            log.error(text)
        else:
            (mail.mail_admins if tell is admins else mail.mail_managers)(text, text)
        assert count() == before + 1
        found = newest()
        if subject is None:
            subject = "two\\r\\nlines" if tell is error else "two lines"
        assert subject in found["subject"]
        assert text[:4] in found["body_text"]

    @pytest.mark.parametrize("address", ["root", "Root <root>", "root@localhost"])
    def test_to_somebody_on_this_machine(self, settings, address):
        settings.ADMINS = [address] if django.VERSION >= (6,) else [("", address)]
        mail.mail_admins("subject", "body")
        assert newest()["envelope"] == ["root@localhost"]

    def test_whatever_its_size(self):
        mail.mail_admins("subject", "é" * 30_000_000, html_message="<p>" + "é" * 30_000_000)
        assert newest()["body_text"].endswith("é…")


class TestCannotBeQueued:
    """What keeps it out of the queue is said on stderr and by the signal, and is not raised."""

    @pytest.fixture(autouse=True)
    def counted(self):
        last_resort.losses.settle("default")
        before = lost()
        yield lambda: lost() - before
        last_resort.losses.settle("default")

    def test_is_counted_though_it_is_rolled_back(self, log, settings, counted):
        settings.SERVER_EMAIL = "no address"
        with transaction.atomic():
            log.error("late")
            transaction.set_rollback(True)
        assert counted() == 1

    def test_is_counted_with_the_next_one_where_the_transaction_is_broken(self, log, counted):
        with transaction.atomic():
            transaction.set_rollback(True)
            log.error("lost")
            log.error("lost, too")
        assert counted() == 0
        log.error("arrives")
        assert counted() == 2

    def expect(self, capsys, failed, *, times=1):
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == len(failed) == times
        assert all(
            line.startswith("sespan: a mail to the site's admins is lost: ") for line in lines
        )
        assert all(isinstance(f["error"], errors.MailNotQueued) for f in failed)

    @THREE
    def test_refused(self, log, tell, settings, capsys, failed):
        settings.SERVER_EMAIL = "no address"
        before = count()
        with transaction.atomic():
            tell(log)
            User.objects.create_user("still", "works@example.com", "x")
        assert User.objects.filter(username="still").exists()
        assert count() == before
        self.expect(capsys, failed)

    @THREE
    def test_in_a_transaction_that_is_broken_already(self, log, tell, capsys, failed):
        User.objects.create_user("taken")
        with transaction.atomic():
            with pytest.raises(IntegrityError):
                User.objects.bulk_create([User(username="taken")])
            tell(log)
            transaction.set_rollback(True)
        self.expect(capsys, failed)

    @THREE
    def test_without_the_schema(self, log, tell, capsys, failed):
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("ALTER SCHEMA sespan RENAME TO gone")
            tell(log)
            assert User.objects.count() == 0
            transaction.set_rollback(True)
        self.expect(capsys, failed)

    @THREE
    def test_for_a_fault_of_the_site(self, log, tell, settings, capsys, failed):
        settings.SESPAN = {**settings.SESPAN, "DATABASE": "nowhere"}
        tell(log)
        self.expect(capsys, failed)

    def test_and_the_receiver_logs_an_error_in_turn(self, log, settings, capsys):
        settings.SERVER_EMAIL = "no address"

        told = []

        def receiver(**kwargs):
            told.append(kwargs)
            if len(told) < 9:
                log.error("the mail failed")

        signals.mail_failed.connect(receiver)
        try:
            log.error("first")
        finally:
            signals.mail_failed.disconnect(receiver)
        assert len(told) == 1
        assert len(capsys.readouterr().err.splitlines()) == 2

    def test_and_there_is_no_stderr(self, log, settings, monkeypatch, failed):
        settings.SERVER_EMAIL = "no address"
        closed = io.StringIO()
        closed.close()
        for stream in (None, closed):
            monkeypatch.setattr(sys, "stderr", stream)
            log.error("late")
        assert len(failed) == 2

    def test_a_secret_of_the_mail_is_not_repeated(self, settings, capsys):
        settings.SERVER_EMAIL = "no address"
        mail.mail_admins("secret subject", "secret body")
        assert "secret" not in capsys.readouterr().err


class TestWhoIsMeant:
    def test_a_handler_of_the_site_that_sends_by_itself(self, settings, capsys):
        class Own(AdminEmailHandler):
            def send_mail(self, subject, message, *args, **kwargs):
                EmailMessage(subject, message, None, ["not an address"]).send()

        Own().handle(logging.LogRecord("shop", logging.ERROR, "", 1, "late", (), None))
        assert "is lost: recipients" in capsys.readouterr().err

    @pytest.mark.parametrize("text", ["nobody", "a@b..co"])
    def test_a_mail_to_a_customer_raises(self, text):
        assert not last_resort.under_way()
        with pytest.raises(errors.MailNotQueued):
            mail.send_mail("subject", "body", "shop@example.com", [text])

    def test_a_line_end_raises_as_with_django(self):
        from django.core.mail.message import BadHeaderError

        with pytest.raises(BadHeaderError):
            mail.send_mail("two\nlines", "body", "shop@example.com", ["a@example.com"])

    def test_a_mail_of_a_customer_beside_an_error_mail(self, log):
        log.error("late")
        with pytest.raises(errors.MailNotQueued):
            mail.send_mail("subject", "body", "shop@example.com", ["nobody"])
