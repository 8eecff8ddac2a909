"""The same mail built again is the same mail, and an idempotency key says so."""

from __future__ import annotations

import pytest
from django.core.mail import EmailAttachment, EmailMessage
from django.core.mail.message import BadHeaderError
from django.db import connection

from carried import KINDS, mail_with, nested
from django_sespan import errors
from django_sespan.mail import EmailBackend

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("own_backend"),
    pytest.mark.filterwarnings("ignore:MIMEBase attachments are deprecated"),
]


class OfTheSite(EmailMessage):
    def message(self, **kwargs):
        made = super().message(**kwargs)
        made["X-Site"] = "1"
        return made


def attached(made, level):
    """A mail of Django's as .eml, in a mail in a mail."""
    return made if level == 0 else attached(mail_with(eml(made)), level - 1)


def eml(content):
    return EmailAttachment("old.eml", content, "message/rfc822")


def number(made, key):
    made.sespan = {"idempotency_key": key}
    assert EmailBackend().send_messages([made]) == 1
    return made.sespan_id


@pytest.fixture
def another_moment(monkeypatch):
    """Let each mail be built at another time and with other random numbers, as seconds later."""
    moments = iter(range(10_000))

    def later():
        n = next(moments)
        for module in ("email.utils", "django.core.mail.message"):
            monkeypatch.setattr(f"{module}.make_msgid", lambda *a, **k: f"<{n}@host>")
        monkeypatch.setattr("email.generator._make_boundary", lambda *a, **k: f"={n:030}=")

    return later


@pytest.mark.parametrize("raw", [False, True], ids=["parameters", "raw"])
@pytest.mark.parametrize(
    "build",
    [
        lambda raw: mail_with(eml(nested()), raw=raw),
        lambda raw: attached(mail_with(eml(nested()), raw=raw), 2),
        lambda raw: mail_with(KINDS["MIMEMultipart"](), raw=raw),
        lambda raw: mail_with(KINDS["text"](), raw=raw, cls=OfTheSite),
    ],
    ids=["attached", "deep", "multipart", "its own class"],
)
def test_a_key_gives_the_first_number(build, raw, another_moment):
    first = number(build(raw), "same")
    another_moment()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL TimeZone = 'Asia/Jakarta'; SET LOCAL bytea_output = 'escape'")
    assert number(build(raw), "same") == first
    other = build(raw)
    other.body = "another text"
    with pytest.raises(errors.MailNotQueued, match="was used for another mail"):
        number(other, "same")


def test_without_a_key_an_attached_mail_has_its_date():
    made = mail_with(eml(mail_with()))
    assert EmailBackend().send_messages([made]) == 1
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT convert_from(decode(attachments #>> '{0,content}', 'base64'), 'UTF8')"
            " FROM sespan.mail_message WHERE message_id = %s",
            [made.sespan_id],
        )
        (content,) = cursor.fetchone()
    assert "\r\nDate: " in content
    assert "\r\nMessage-ID: " in content


@pytest.mark.parametrize("raw", [False, True], ids=["parameters", "raw"])
@pytest.mark.parametrize("place", ["subject", "from_email", "to", "header"])
def test_a_line_end_is_what_djangos_contact_form_catches(place, raw):
    """`BadHeaderError` up to Django 5.2, which names ValueError so since 6.0."""
    made = mail_with(raw=raw)
    evil = "x@example.com\nBcc: y@example.com"
    if place == "header":
        made.extra_headers = {"X-A": evil}
    else:
        setattr(made, place, [evil] if place == "to" else evil)
    with pytest.raises(BadHeaderError):
        made.send()
