"""Whatever Django's SMTP backend takes reaches the queue, as parts or as a raw message."""

from __future__ import annotations

import base64
import email
import logging
from email.mime.application import MIMEApplication
from email.mime.base import MIMEBase
from email.mime.image import MIMEImage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import django
import pytest
from django.core import mail
from django.core.mail import EmailAttachment, EmailMessage, EmailMultiAlternatives
from django.utils.log import AdminEmailHandler
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy

from django_sespan import errors
from django_sespan.mail import EmailBackend
from django_sespan.mail.parameters import parameters
from mail_rows import count, row, send

# Django 6.1 deprecates parts of the older e-mail API; sites on 5.2 have no other.
pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("own_backend"),
    pytest.mark.filterwarnings("ignore:MIMEBase attachments are deprecated"),
]


def message(cls=EmailMultiAlternatives, **changes):
    values = {
        "subject": "Subject",
        "body": "text",
        "from_email": "shop@example.com",
        "to": ["a@example.com"],
    }
    return cls(**values | changes)


def raw(found):
    return email.message_from_bytes(bytes(found["raw"]), policy=email.policy.default)


class TestAttachments:
    def test_as_tuples_of_two_and_three(self):
        made = message(attachments=[("a.pdf", b"%PDF", "application/pdf")])
        made.attachments.append(("b.bin", b"\x00\xff"))
        made.attachments.append((None, "text", "text/plain"))
        assert [(a.get("filename"), a["content_type"]) for a in send(made)["attachments"]] == [
            ("a.pdf", "application/pdf"),
            ("b.bin", "application/octet-stream"),
            (None, "text/plain; charset=utf-8"),
        ]

    def test_as_named_tuples_files_and_bytes_of_every_kind(self, tmp_path):
        (tmp_path / "logo.png").write_bytes(b"\x89PNG")
        made = message(attachments=[EmailAttachment("Faktur №1.pdf", b"%PDF", "application/pdf")])
        made.attach_file(tmp_path / "logo.png")
        made.attach("view.bin", memoryview(b"abc"), "application/x-thing")
        made.attach("array.bin", bytearray(b"abc"), "application/x-thing")
        found = send(made)["attachments"]
        assert [a["filename"] for a in found] == [
            "Faktur №1.pdf",
            "logo.png",
            "view.bin",
            "array.bin",
        ]
        assert found[1]["content_type"] == "image/png"

    def test_a_mime_part_of_the_site(self):
        part = MIMEApplication(b"%PDF-1.7", "pdf", name="x.pdf")
        part.add_header("Content-Disposition", "attachment", filename="faktur.pdf")
        (found,) = send(message(attachments=[part]))["attachments"]
        assert found == {
            "filename": "faktur.pdf",
            "content_type": "application/pdf",
            "content": "JVBERi0xLjc=",
        }

    def test_an_inline_image(self):
        made = message()
        made.attach_alternative('<img src="cid:logo">', "text/html")
        image = MIMEImage(b"\x89PNG", "png")
        image.add_header("Content-ID", "<logo>")
        image.add_header("Content-Disposition", "inline", filename="logo.png")
        made.attach(image)
        (found,) = send(made)["attachments"]
        assert (found["content_id"], found["filename"]) == ("<logo>", "logo.png")
        assert found["content_type"] == "image/png"

    def test_a_part_that_the_parameters_cannot_express(self):
        part = MIMEText("nachträglich", "plain", "iso-8859-1")
        part.add_header("Content-Disposition", "attachment", filename="a.txt")
        part.add_header("X-Own", "1")
        found = raw(send(message(attachments=[part])))
        assert [p.get_content_type() for p in found.walk()][-1] == "text/plain"
        assert list(found.walk())[-1]["X-Own"] == "1"

    def test_a_forwarded_mail(self):
        made = message()
        made.attach("old.eml", message(subject="Old"), "message/rfc822")
        (found,) = send(made)["attachments"]
        assert (found["filename"], found["content_type"]) == ("old.eml", "message/rfc822")
        old = email.message_from_bytes(base64.b64decode(found["content"]))
        assert (old["Subject"], old["Date"] is None) == ("Old", False)

    def test_a_broken_base64_part_goes_as_it_is(self):
        part = MIMEBase("application", "x-thing")
        part.set_payload("abcde")
        part["Content-Transfer-Encoding"] = "base64"
        part["Content-Disposition"] = "attachment"
        assert b"abcde" in bytes(send(message(attachments=[part]))["raw"])


class TestMessagesThatMakeTheirOwnMIME:
    def test_message_overridden(self):
        class Signed(EmailMessage):
            def message(self, **kwargs):
                made = MIMEMultipart("signed")
                made["From"], made["To"], made["Subject"] = "x@example.com", "y@example.com", "S"
                made["Date"] = "Mon, 02 Feb 2026 10:00:00 +0000"
                made.attach(MIMEText("From here on\nit is signed"))
                return made

        found = send(message(Signed))
        assert raw(found).get_content_type() == "multipart/signed"
        assert b"\r\nFrom here on\r\n" in bytes(found["raw"])
        assert b"Date: Mon, 02 Feb 2026" in bytes(found["raw"])
        assert found["envelope"] == ["a@example.com"]

    def test_recipients_overridden(self):
        class ToStaging(EmailMessage):
            def recipients(self):
                return ["staging@example.com"]

        found = send(message(ToStaging, bcc=["b@example.com"]))
        assert found["envelope"] == ["staging@example.com"]
        assert raw(found)["To"] == "a@example.com"

    if django.VERSION < (6,):  # Django 6 has no mixed_subtype any more

        def test_a_subtype_of_its_own(self):
            made = message()
            made.mixed_subtype = "related"
            made.attach("a.bin", b"x", "application/x-thing")
            assert raw(send(made)).get_content_type() == "multipart/related"


class TestAddresses:
    @pytest.mark.parametrize(
        ("given", "stored", "envelope"),
        [
            ("Köln <a@example.com>", "Köln <a@example.com>", "a@example.com"),
            ("a@bücher.example", "a@bücher.example", "a@bücher.example"),
            ("jürgen@example.com", "jürgen@example.com", "jürgen@example.com"),
            ("a@EXAMPLE.com", "a@example.com", "a@example.com"),
            ('"Doe, Jane" <j@example.com>', '"Doe, Jane" <j@example.com>', "j@example.com"),
            ("Doe, Jane <j@example.com>", '"Doe, Jane" <j@example.com>', "j@example.com"),
            ("Toko (Bali) <t@example.com>", '"Toko (Bali)" <t@example.com>', "t@example.com"),
            ("webmaster@localhost", "webmaster@localhost", "webmaster@localhost"),
        ],
    )
    def test_forms(self, given, stored, envelope):
        found = send(message(to=[given]))
        assert (found["to_addresses"], found["envelope"]) == ([stored], [envelope])

    @pytest.mark.parametrize("given", ['"a <b>" <j@example.com>', "j@example.com (Jane)"])
    def test_forms_that_only_a_header_can_express(self, given):
        found = send(message(to=[given], from_email=given))
        assert (found["envelope"], found["sender"]) == (["j@example.com"], "j@example.com")
        assert raw(found)["To"].addresses[0].addr_spec == "j@example.com"

    @pytest.mark.parametrize("given", ["", None])
    def test_empty_ones_are_left_out(self, given):
        assert send(message(to=[given, "a@example.com"]))["envelope"] == ["a@example.com"]

    @pytest.mark.parametrize("given", ["nobody", "a@b.co, c@d.co", "a@b..co", "<>", "a b@c.de"])
    def test_none_at_all_is_refused_by_name(self, given):
        with pytest.raises(errors.MailNotQueued, match="recipients: "):
            EmailBackend().send_messages([message(to=[given])])

    def test_only_hidden_recipients(self):
        found = send(message(to=[], bcc=["b@example.com"]))
        assert (found["to_addresses"], found["envelope"]) == ([], ["b@example.com"])

    def test_the_envelope_has_each_once(self):
        found = send(message(cc=["a@example.com"], bcc=["a@example.com"]))
        assert found["envelope"] == ["a@example.com"]


class TestHeaders:
    @pytest.mark.parametrize(
        "headers",
        [
            {"From": "Other <other@example.com>"},
            {"Reply-To": "help@example.com"},
            {"Date": "Mon, 02 Feb 2026 10:00:00 +0000"},
            {"Content-Language": "id"},
            {"Return-Path": "<bounce@example.com>"},
        ],
    )
    def test_headers_of_the_service_go_raw(self, headers):
        name, value = next(iter(headers.items()))
        assert raw(send(message(headers=headers)))[name] == value

    def test_several_reply_to(self):
        found = raw(send(message(reply_to=["a@example.com", "b@example.com"])))
        assert found["Reply-To"] == "a@example.com, b@example.com"

    def test_lazy_and_safe_strings(self):
        made = message(
            subject=gettext_lazy("Sespan"),
            body=mark_safe("<b>&amp;</b>"),
            headers={"X-Lazy": gettext_lazy("mail")},
        )
        found = send(made)
        assert (found["subject"], found["body_text"]) == ("Sespan", "<b>&amp;</b>")
        assert found["headers"] == {"X-Lazy": "mail"}


class TestBodies:
    def test_an_empty_one(self):
        assert send(message(body=""))["body_text"] == ""

    def test_html_without_text(self):
        made = message(body="")
        made.attach_alternative("<p>hi</p>", "text/html")
        found = send(made)
        assert (found["body_text"], found["body_html"]) == (None, "<p>hi</p>")

    def test_several_alternatives_keep_their_order(self):
        made = message()
        made.attach_alternative("<p>hi</p>", "text/html")
        made.attach_alternative("BEGIN:VCALENDAR", "text/calendar")
        kinds = [p.get_content_type() for p in raw(send(made)).walk()]
        assert kinds == ["multipart/alternative", "text/plain", "text/html", "text/calendar"]

    def test_a_raw_body_has_lines_as_smtp_wants_them(self):
        made = message(body="From me\n.\n" + "ü" * 2000 + "\rend", reply_to=["a@b.co", "b@b.co"])
        data = bytes(send(made)["raw"])
        assert b"\n" not in data.replace(b"\r\n", b"")
        assert b"\r" not in data.replace(b"\r\n", b"")
        assert max(map(len, data.split(b"\r\n"))) <= 998
        assert b"\r\n>From" not in data


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"subject": "\x00"}, lambda m: m["subject"]),
        ({"body": "\ud800"}, lambda m: m["body_text"]),
        ({"headers": {"X-A": "\x00"}}, lambda m: m["headers"]["X-A"]),
        ({"attachments": [("\x00", b"x", "text/csv")]}, lambda m: m["attachments"][0]["filename"]),
        ({"from_email": "\x00 <a@b.co>"}, lambda m: m["sender"].removesuffix(" <a@b.co>")),
    ],
)
def test_text_that_cannot_be_stored_is_made_harmless(change, place):
    assert place(parameters(message(**change))) == "\ufffd"


class TestDjangosOwnWays:
    def test_open_close_and_with(self):
        before = count()
        with EmailBackend() as backend:
            assert not backend.open()
            assert backend.send_messages([message(), message()]) == 2
            backend.close()
            assert backend.send_messages([message()]) == 1
        assert count() == before + 3

    def test_without_mails_and_without_recipients(self):
        assert EmailBackend().send_messages([]) == 0
        assert EmailBackend().send_messages(None) == 0
        assert EmailBackend().send_messages([message(to=[])]) == 0
        assert message(to=[]).send() == 0

    def test_a_message_counts_one(self):
        assert message(to=["a@example.com", "b@example.com"], cc=["c@example.com"]).send() == 1

    def test_a_message_can_be_sent_again(self):
        made = message()
        assert (made.send(), made.send()) == (1, 1)
        assert row(made.sespan_id)["subject"] == "Subject"

    def test_admins_and_managers(self, settings):
        people = ["admin@example.com"]
        if django.VERSION < (6,):
            people = [("Admin", "admin@example.com")]
        settings.ADMINS = settings.MANAGERS = people
        before = count()
        mail.mail_admins("s", "b", html_message="<p>b</p>")
        mail.mail_managers("s", "b")
        assert count() == before + 2


class TestLogging:
    @pytest.fixture
    def log(self, settings):
        settings.ADMINS = ["admin@example.com"]
        if django.VERSION < (6,):
            settings.ADMINS = [("Admin", "admin@example.com")]
        handler = AdminEmailHandler(include_html=True)
        names = ("shop", "django_sespan.mail.backend")
        for name in names:
            logging.getLogger(name).addHandler(handler)
        yield logging.getLogger("shop")
        for name in names:
            logging.getLogger(name).removeHandler(handler)

    def test_an_error_is_mailed(self, log):
        before = count()
        log.error("Something\nbroke")
        assert count() == before + 1

    def test_a_log_that_cannot_be_mailed_is_not_logged_again(self, log, settings, caplog):
        settings.SERVER_EMAIL = "no address"
        bad = message(to=["nobody"])
        before = count()
        assert EmailBackend(fail_silently=True).send_messages([bad]) == 0
        assert count() == before
        records = [r for r in caplog.records if r.name == "django_sespan.mail.backend"]
        assert len(records) == 1
        assert "1 mail(s) not queued: recipients" in records[0].getMessage()
