"""Mails by which an account could be taken: nobody of the staff reads what is in them."""

from __future__ import annotations

import json
import re

import pytest
from django.contrib.auth.forms import PasswordResetForm
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.core import mail
from django.core.mail import EmailMultiAlternatives

from django_sespan._internal.private_mails import masked
from django_sespan.mail import EmailBackend
from django_sespan.mail.category import category
from django_sespan.models import MailMessage
from queued_mails import LIST, audit, execute, log_in, message_texts, queue

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("groups", "own_backend")]

REFUSED = "Mails of this category are shown to nobody."
LINK = re.compile(r"/reset/(\w+)/([0-9a-z]+-[0-9a-f]+)/")


@pytest.fixture
def staff(client):
    return log_in(client, "view_mailmessage", "preview_mail")


@pytest.fixture
def root():
    return User.objects.create_superuser("root", "root@example.com", "old password 7")


def newest():
    return MailMessage.objects.order_by("-pk").first()


def body(number):
    sql = "SELECT body_text FROM sespan.mail_message WHERE message_id = %s"
    return execute(sql, [number])[0][0]


def test_the_reset_of_a_superuser_is_read_by_no_clerk(client, staff, root):
    assert client.post("/reset/", {"email": root.email})["Location"] == "/reset/sent/"
    made = newest()
    assert made.category == "password_reset"
    token = LINK.search(body(made.pk))[2]
    page = staff.get(f"{LIST}{made.pk}/change/")
    assert "Nobody can read this mail here" in page.text
    assert '<button class="button" disabled>Read the content' in page.text
    refused = staff.post(f"{LIST}{made.pk}/preview/", follow=True)
    assert message_texts(refused) == [REFUSED]
    assert token not in page.text + refused.text
    assert audit() == []


def test_the_reset_of_a_form_that_gives_no_category_loses_its_token(client, staff, root):
    """As Django's own form, allauth's, and a page in HTML alone do."""
    token = default_token_generator.make_token(root)
    made = EmailMultiAlternatives(
        "Reset", f"https://shop.example/reset/MQ/{token}/ or 1-{token}", None, [root.email]
    )
    made.attach_alternative(f'<a href="https://shop.example/reset/MQ/{token}/">x</a>', "text/html")
    made.extra_headers["X-Link"] = token
    for raw in (False, True):
        if raw:
            made.attach("a.bin", b"x" * 1000, "application/pdf")
            made.reply_to = ["a@b.co", "c@d.co"]
        EmailBackend().send_messages([made])
        assert newest().category is None
        page = staff.post(f"{LIST}{made.sespan_id}/preview/")
        assert token not in page.text
        assert page.context["content"].text.count("•••") == 2
        assert "A link in it that sets a password is not shown." in page.text
    assert len(audit()) == 2


def test_djangos_own_form_makes_such_a_token(rf, root):
    form = PasswordResetForm({"email": root.email})
    assert form.is_valid()
    form.save(request=rf.get("/"), domain_override="x", email_template_name="reset_mail.txt")
    text = body(newest().pk)
    assert LINK.search(text)
    assert not LINK.search(masked(text))


def test_what_looks_alike_is_shown():
    for text in (
        "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        "d41d8cd98f00b204e9800998ecf8427e",
        "order-17",
        "sha256-" + "a" * 64,
    ):
        assert masked(text) == text


def test_a_site_names_its_own(staff, settings):
    number = queue(category="magic-link")
    assert "secret body" in staff.post(f"{LIST}{number}/preview/").text
    settings.SESPAN = {**settings.SESPAN, "NEVER_PREVIEWED": ["magic-link"]}
    assert message_texts(staff.post(f"{LIST}{number}/preview/", follow=True)) == [REFUSED]
    reset = queue(category="password_reset")
    assert message_texts(staff.post(f"{LIST}{reset}/preview/", follow=True)) == [REFUSED]
    settings.SESPAN = {**settings.SESPAN, "NEVER_PREVIEWED": []}
    assert "secret body" in staff.post(f"{LIST}{number}/preview/").text
    assert message_texts(staff.post(f"{LIST}{reset}/preview/", follow=True)) == [REFUSED]


def test_a_mails_own_category_comes_first():
    with category("password_reset"):
        assert MailMessage.objects.get(pk=queue(category="own")).category == "own"
        assert MailMessage.objects.get(pk=queue()).category == "password_reset"
    assert MailMessage.objects.get(pk=queue()).category is None


def test_an_export_has_no_such_body(client, anna, bound, root):
    client.post("/reset/", {"email": root.email})
    token = LINK.search(body(newest().pk))[2]
    queue(to=[root.email], subject="Order")
    other = default_token_generator.make_token(root)
    mail.send_mail("Loose", f"x {other}", None, [root.email])
    page = "/admin/sespan/access/data/"
    answer = client.post(page, {"customer_id": root.pk, "action": "export"})
    text = b"".join(answer.streaming_content).decode()
    assert token not in text
    assert other not in text
    mails = {m["subject"]: m["body_text"] for m in json.loads(text)["mails"]}
    assert mails.pop("Order") == "secret body"
    assert mails.pop("Loose") == "x •••"
    assert list(mails.values()) == [None]
