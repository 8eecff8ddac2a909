"""Nothing of the site's is changed that was only to be carried: its objects and its bytes."""

from __future__ import annotations

import base64
import email
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest
from django.core.mail import EmailAttachment, EmailMessage
from django.utils.translation import gettext_lazy

import carried
from carried import FORWARDED, KINDS, SIGNED, mail_with, picture
from django_sespan.admin.mail.preview import mail_content
from django_sespan.mail import EmailBackend
from django_sespan.mail.parameters import parameters
from mail_rows import send

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("own_backend"),
    pytest.mark.filterwarnings("ignore:MIMEBase attachments are deprecated"),
]


@pytest.mark.parametrize("raw", [False, True], ids=["parameters", "raw"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_message_is_the_same_after_sending(kind, raw):
    made = mail_with(KINDS[kind](), raw=raw)
    made.extra_headers = {"X-Lazy": gettext_lazy("mail"), "X-Tab": "a\tb"}
    made.attach_alternative("<p>\x00</p>", "text/html")
    made.subject, made.to = "a\tb", ["A\x00 <a@example.com>"]
    lists = made.to, made.attachments, made.alternatives, made.extra_headers
    before = picture(made)
    assert made.send() == 1
    assert EmailBackend().send_messages([made, made]) == 2
    assert picture(made) == before
    after = made.to, made.attachments, made.alternatives, made.extra_headers
    assert all(a is b for a, b in zip(lists, after, strict=True))


@pytest.mark.parametrize("raw", [False, True], ids=["parameters", "raw"])
@pytest.mark.parametrize("kind", [k for k in KINDS if k != "rfc822 of Django"])
def test_the_same_mail_is_the_same_bytes(kind, raw):
    first, again = (mail_with(KINDS[kind](), raw=raw) for _ in range(2))
    assert enqueued(first) == enqueued(again)


def enqueued(message):
    values = parameters(message)
    return {k: v for k, v in values.items() if k != "attachments"}, [
        {k: v.sha256 if k == "blob" else v for k, v in item.items()}
        for item in values.get("attachments", ())
    ]


def test_what_a_class_of_the_site_builds_and_keeps_is_the_same_after_sending():
    class Kept(EmailMessage):
        def message(self, **kwargs):
            return self.built

    made = mail_with(cls=Kept)
    made.built = carried.multipart()
    made.built["From"] = "shop@example.com"
    before = picture(made)
    assert made.send() == 1
    assert picture(made) == before


def test_bytes_that_a_class_of_the_site_makes_are_taken_as_they_are():
    class Signed(MIMEMultipart):
        def as_bytes(self, *args, **kwargs):
            return b"From: shop@example.com\r\nX-Signed:  yes \r\n\r\n body  \r\n"

    class Signing(EmailMessage):
        def message(self, **kwargs):
            return Signed()

    assert bytes(send(mail_with(cls=Signing))["raw"]) == Signed().as_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_staff_can_look_at_it(kind):
    stored = send(mail_with(KINDS[kind](), raw=True))
    content = mail_content({"raw": stored["raw"], "sentence": ""})
    assert ("Subject", "Subject") in content.fields
    assert content.text.strip() == "text"


class TestBytes:
    """As the queue keeps them; their arrival is a matter of the live tests."""

    @pytest.mark.parametrize("kind", ["rfc822 bytes", "rfc822 parsed, modern", "rfc822 parsed"])
    def test_a_forwarded_mail(self, kind):
        (item,) = send(mail_with(KINDS[kind]()))["attachments"]
        got = base64.b64decode(item["content"])
        if kind == "rfc822 bytes":
            assert got == FORWARDED
        else:  # Python keeps all but the blanks after a colon
            assert got == FORWARDED.replace(b"From:  ", b"From: ").replace(b"e:text", b"e: text")
        assert item["content_type"] == "message/rfc822"

    def test_a_multipart(self):
        (item,) = send(mail_with(KINDS["multipart bytes"]()))["attachments"]
        assert base64.b64decode(item["content"]) == SIGNED
        assert item["content_type"].startswith("multipart/signed; boundary=")

    @pytest.mark.parametrize("kind", ["rfc822 bytes", "multipart bytes"])
    def test_in_a_message_that_goes_raw(self, kind):
        raw = bytes(send(mail_with(KINDS[kind](), raw=True))["raw"])
        assert (FORWARDED if kind == "rfc822 bytes" else SIGNED) in raw

    @pytest.mark.parametrize("raw", [False, True], ids=["parameters", "raw"])
    def test_a_part_of_the_site(self, raw):
        part = email.message_from_bytes(
            b'Content-Type: multipart/signed;\r\n boundary="s"; protocol="x"\r\n'
            b"X-Long: " + b"word " * 40 + b"\r\n\r\n" + SIGNED
        )
        got = bytes(send(mail_with(part, raw=raw))["raw"])
        assert SIGNED in got
        assert b"X-Long: " + b"word " * 40 + b"\r\n\r\nThis is" in got

    @pytest.mark.parametrize(
        "content", [b"Subject: x\r\n\r\na\rb\r\n", b"S: x\n\n\x00", b"S: x\n\n" + b"y" * 999]
    )
    def test_lines_that_smtp_cannot_carry_travel_as_a_file(self, content):
        item = EmailAttachment("a.eml", content, "message/rfc822")
        raw = email.message_from_bytes(bytes(send(mail_with(item, raw=True))["raw"]))
        (part,) = [p for p in raw.walk() if p.get_filename()]
        assert (part.get_content_type(), part.get_payload(decode=True)) == (
            "application/octet-stream",
            content,
        )

    @pytest.mark.parametrize("raw", [False, True], ids=["parameters", "raw"])
    def test_a_line_too_long_costs_its_encoding_unless_it_is_signed(self, raw):
        got = email.message_from_bytes(bytes(send(mail_with(carried.long_line(), raw=raw))["raw"]))
        assert [p.get_payload(decode=True) for p in got.walk()][-1] == b"one line of " + b"x" * 3000
        signed = MIMEMultipart("signed", boundary="s")
        signed.attach(MIMEText("x" * 3000))
        with pytest.raises(ValueError, match="raw: a line is longer than 998 bytes"):
            send(mail_with(signed, raw=raw))

    def test_a_placeholder_in_a_text_is_a_text(self):
        made = mail_with(KINDS["MIMEMultipart"](), raw=True)
        made.body = "X-Sespan-Part: " + "0" * 32 + "\n\nend"
        raw = bytes(send(made)["raw"])
        assert raw.count(b"X-Sespan-Part: ") == 1
        assert b"first" in raw or b"Zmlyc3Q" in raw
