"""The e-mail backend against the real `sespan.mail_enqueue`."""

from __future__ import annotations

import base64
from email.message import MIMEPart
from email.mime.image import MIMEImage

import django
import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.db import transaction

from django_sespan import errors, signals
from django_sespan.mail import EmailBackend
from mail_rows import count, row, send

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_backend")]


def test_a_plain_mail():
    found = send(EmailMessage("Hello", "Text\nmore", "Shop <shop@example.com>", ["a@example.com"]))
    assert found["subject"] == "Hello"
    assert found["body_text"] == "Text\nmore"
    assert found["sender"] == "Shop <shop@example.com>"
    assert found["envelope"] == ["a@example.com"]
    assert (found["body_html"], found["raw"], found["headers"]) == (None, None, None)


def test_everything_that_a_mail_may_have():
    message = EmailMultiAlternatives(
        "Pesanan №1",
        "text",
        "shop@example.com",
        ["Budi <budi@example.com>", "siti@example.com"],
        cc=["cc@example.com"],
        bcc=["secret@example.com"],
        reply_to=["help@example.com"],
        headers={"X-Order": "17", "List-Unsubscribe": "<https://shop.test/u>"},
    )
    message.attach_alternative("<p>html</p>", "text/html")
    message.attach("invoice.pdf", b"%PDF\x00\xff", "application/pdf")
    message.attach("note.txt", "grüße")
    found = send(message)
    assert found["to_addresses"] == ["Budi <budi@example.com>", "siti@example.com"]
    assert found["cc_addresses"] == ["cc@example.com"]
    assert found["envelope"] == [
        "budi@example.com",
        "siti@example.com",
        "cc@example.com",
        "secret@example.com",
    ]
    assert (found["body_text"], found["body_html"]) == ("text", "<p>html</p>")
    assert found["reply_to"] == "help@example.com"
    assert found["headers"] == {"X-Order": "17", "List-Unsubscribe": "<https://shop.test/u>"}
    assert [(a["filename"], a["content_type"]) for a in found["attachments"]] == [
        ("invoice.pdf", "application/pdf"),
        ("note.txt", "text/plain; charset=utf-8"),
    ]
    assert base64.b64decode(found["attachments"][0]["content"]) == b"%PDF\x00\xff"
    assert base64.b64decode(found["attachments"][1]["content"]).decode() == "grüße"


def test_html_alone():
    message = EmailMessage("s", "<b>hi</b>", "shop@example.com", ["a@example.com"])
    message.content_subtype = "html"
    found = send(message)
    assert (found["body_text"], found["body_html"]) == (None, "<b>hi</b>")


def image():
    if django.VERSION < (6,):
        return MIMEImage(b"\x89PNG", "png")
    part = MIMEPart()
    part.set_content(b"\x89PNG", maintype="image", subtype="png", cid="<logo>")
    return part


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.attach_alternative("BEGIN:VCALENDAR", "text/calendar"),
        lambda m: m.extra_headers.update({"From": "Other <other@example.com>"}),
        lambda m: m.extra_headers.update({"To": "undisclosed-recipients:;"}),
        lambda m: m.reply_to.extend(["a@example.com", "b@example.com"]),
        lambda m: setattr(m, "content_subtype", "markdown"),
        lambda m: m.attach(image()),
    ],
)
def test_what_the_parameters_cannot_express_goes_raw(change):
    message = EmailMultiAlternatives(
        "Subject", "text", "shop@example.com", ["a@example.com"], bcc=["secret@example.com"]
    )
    change(message)
    found = send(message)
    raw = bytes(found["raw"])
    assert b"Subject: Subject\r\n" in raw
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert b"secret@example.com" not in raw
    assert found["envelope"] == ["a@example.com", "secret@example.com"]
    assert found["sender"] == "shop@example.com"


def test_rolled_back_is_never_sent():
    before = count()
    with transaction.atomic():
        EmailMessage("s", "b", None, ["a@example.com"]).send()
        assert count() == before + 1
        transaction.set_rollback(True)
    assert count() == before


def test_a_refused_mail_leaves_the_transaction_usable():
    seen = []

    def failed(**kwargs):
        seen.append((kwargs["message"].subject, str(kwargs["error"])))

    signals.mail_failed.connect(failed)
    bad = EmailMessage("bad", "b", "shop@example.com", ["not an address"])
    try:
        with transaction.atomic():
            with pytest.raises(errors.MailNotQueued):
                bad.send()
            User.objects.create_user("still", "works@example.com", "x")
    finally:
        signals.mail_failed.disconnect(failed)
    assert User.objects.filter(username="still").exists()
    assert seen[0][0] == "bad"
    assert "recipient" in seen[0][1]


def test_counts_and_fail_silently():
    good = [EmailMessage("s", "b", "shop@example.com", [f"{n}@example.com"]) for n in "ab"]
    bad = EmailMessage("s", "b", "shop@example.com", ["nobody"])
    nobody = EmailMessage("s", "b", "shop@example.com", [])
    assert EmailBackend(fail_silently=True).send_messages([good[0], bad, nobody, good[1]]) == 2
    assert EmailBackend().send_messages([]) == 0
    with pytest.raises(errors.MailNotQueued):
        EmailBackend().send_messages([bad])


@pytest.mark.parametrize(
    "message",
    [
        EmailMessage("a\nBcc: x@example.com", "b", "shop@example.com", ["a@example.com"]),
        EmailMessage("a", "b", "shop@example.com\r\nX: y", ["a@example.com"]),
        EmailMessage("a", "b", "shop@example.com", ["a@example.com"], headers={"X-A": "b\nc"}),
        EmailMessage("a", "b", "shop@example.com", ["a@example.com"], headers={"Bcc": "x@y.zz"}),
        EmailMessage("a", "b", "shop@example.com", ["a@example.com\nb@example.com"]),
    ],
)
def test_header_injection_is_refused(message):
    before = count()
    with pytest.raises(ValueError, match=r"newlines|Bcc"):
        EmailBackend().send_messages([message])
    assert count() == before


@pytest.mark.parametrize("text", ["nul \x00 here", "half \ud800 here"])
def test_text_that_postgresql_cannot_hold_is_made_harmless(text):
    found = send(EmailMessage(text, text, "shop@example.com", ["a@example.com"]))
    assert found["subject"] == found["body_text"] == f"{text[:4].strip()} \ufffd here"


def test_djangos_own_ways_reach_the_queue():
    before = count()
    mail.send_mail("s", "b", "shop@example.com", ["a@example.com"], html_message="<p>b</p>")
    mail.send_mass_mail([("s", "b", "shop@example.com", ["a@example.com"])] * 2)
    assert count() == before + 3


def test_options_of_mailers(settings):
    if django.VERSION < (6, 1):
        found = EmailBackend(category="orders", priority=2, auth_user="ignored")
    else:
        options = {"category": "orders", "priority": 2, "database": "default"}
        settings.MAILERS = {
            "default": {"BACKEND": "django_sespan.mail.EmailBackend", "OPTIONS": options},
            "wrong": {
                "BACKEND": "django_sespan.mail.EmailBackend",
                "OPTIONS": {"host": "smtp.example.com"},
            },
        }
        with pytest.raises(mail.InvalidMailer, match="host"):
            mail.mailers["wrong"]
        found = mail.mailers["default"]
        assert found.alias == "default"
    message = EmailMessage("s", "b", "shop@example.com", ["a@example.com"])
    assert found.send_messages([message]) == 1
    stored = row(message.sespan_id)
    assert (stored["category"], stored["priority"]) == ("orders", 2)
