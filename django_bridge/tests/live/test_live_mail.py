"""What the e-mail backend queued arrives through the real worker as it was meant."""

from __future__ import annotations

import os
from datetime import timedelta
from email.mime.image import MIMEImage

import pytest
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.db import connection, transaction
from django.utils import timezone

from django_sespan.mail import EmailBackend, queue_admin

pytestmark = pytest.mark.filterwarnings("ignore:MIMEBase attachments are deprecated")


def test_large_attachments_and_an_inline_image(sink):
    content, picture = os.urandom((2 << 20) + 17), os.urandom(100_000)
    mails = []
    for n in range(3):
        made = EmailMultiAlternatives("big", "text", "shop@example.com", [f"big{n}@example.com"])
        made.attach_alternative('<img src="cid:logo">', "text/html")
        image = MIMEImage(picture, "png")
        image.add_header("Content-ID", "<logo>")
        image.add_header("Content-Disposition", "inline", filename="logo.png")
        made.attach(image)
        made.attach("Faktur №1.pdf", content, "application/pdf")
        made.attach("grüße.txt", "grüße\n" * 20_000)
        mails.append(made)
    with transaction.atomic():
        assert EmailBackend().send_messages(mails) == 3
    for n in range(3):
        got = sink.wait(f"big{n}@example.com").message
        parts = {p.get_filename(): p for p in got.walk() if p.get_filename()}
        assert parts["Faktur №1.pdf"].get_content() == content
        assert parts["grüße.txt"].get_content().splitlines() == ["grüße"] * 20_000
        assert parts["logo.png"].get_content() == picture
        assert parts["logo.png"]["Content-ID"] == "<logo>"
        assert parts["logo.png"].get_content_disposition() == "inline"
        assert "multipart/related" in [p.get_content_type() for p in got.walk()]


def test_addresses_and_headers_of_every_form(sink):
    made = EmailMessage(
        "forms",
        "text",
        '"Toko <Kopi>" <shop@example.com>',
        ["Köln <forms@bücher.example>"],
        reply_to=["a@example.com", "b@example.com"],
        headers={"Message-ID": "<17@shop.test>", "Date": "Mon, 02 Feb 2026 10:00:00 +0000"},
    )
    assert EmailBackend().send_messages([made]) == 1
    got = sink.wait("forms@xn--bcher-kva.example")
    assert got.sender == "shop@example.com"
    assert got.message["From"].addresses[0].display_name == "Toko <Kopi>"
    assert got.message["Reply-To"] == "a@example.com, b@example.com"
    assert got.message["Message-ID"] == "<17@shop.test>"
    assert got.message["Date"].datetime.year == 2026
    assert [a.display_name for a in got.message["To"].addresses] == ["Köln"]


def test_a_mail_for_later_is_cancelled_and_an_urgent_one_goes(sink):
    later = EmailMessage("later", "b", "shop@example.com", ["later@example.com"])
    later.sespan = {"send_at": timezone.now() + timedelta(hours=1), "category": "reminder"}
    now = EmailMessage("now", "b", "shop@example.com", ["now@example.com"])
    now.sespan = {"priority": 0, "idempotency_key": "now-1"}
    assert EmailBackend().send_messages([later, now, now]) == 3
    sink.wait("now@example.com")
    (row,) = queue_admin.why("default", later.sespan_id)
    assert row["state"] == "scheduled"
    (row,) = queue_admin.cancel("default", [later.sespan_id], "anna")
    assert (row["state"], row["changed"]) == ("cancelled", True)
    assert len(sink.to("now@example.com")) == 1
    assert sink.to("later@example.com") == []
    with connection.cursor() as cursor:
        cursor.execute("SELECT actor FROM sespan.audit WHERE action = 'cancel'")
        assert cursor.fetchall()[-1][0] == "anna"
