"""A mail's own page, its content, and the queue as a whole."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.mail import EmailMultiAlternatives
from django.utils import timezone

from django_sespan.admin.mail import preview
from django_sespan.mail import EmailBackend
from django_sespan.models import MailMessage, MailQueue
from queued_mails import LIST, QUEUE, audit, execute, finish, log_in, message_texts, queue

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client):
    return log_in(client, "view_mailmessage", "view_mailqueue", "manage_mail", "preview_mail")


class TestPage:
    def test_a_mail_that_waits(self, staff):
        later = timezone.now() + timedelta(hours=2)
        number = queue(category="order", send_at=later, expires_at=later + timedelta(days=1))
        page = staff.get(f"{LIST}{number}/change/")
        events = page.context["timeline"]
        assert [e.text for e in events] == [
            "Enqueued",
            "Not to be sent before this",
            "Next try to a@example.com",
            "Not to be sent after this",
        ]
        assert [e.is_ahead for e in events] == [False, True, True, True]
        assert "It is scheduled for" in page.text
        assert "secret body" not in page.text

    def test_tries_outcomes_and_audit(self, staff):
        number = queue(to=["a@example.com", "b@example.com"])
        execute(
            """UPDATE sespan.mail_queue SET state = 'retry', attempts = 3, tried_at = now(),
               due_at = now() + interval '1 hour', last_reason = 'greylisted', last_code = 451,
               last_reply = 'come back <later>' WHERE queue_id = %s""",
            [number * 1024 + 1],
        )
        finish(number)
        staff.post(f"{LIST}{number}/preview/")
        page = staff.get(f"{LIST}{number}/change/")
        texts = [e.text for e in page.context["timeline"]]
        assert "a@example.com: Given up" in texts
        assert "Try 3 to b@example.com failed" in texts
        assert "Next try to b@example.com" in texts
        assert "anna read its content" in texts
        assert "Try number 4 is due at" in page.text
        assert "come back &lt;later&gt;" in page.text

    def test_sentences_have_the_time_of_the_site(self, staff, settings):
        settings.TIME_ZONE = "Asia/Jakarta"
        later = timezone.now() + timedelta(hours=3)
        number = queue(send_at=later)
        page = staff.get(f"{LIST}{number}/change/")
        assert f"scheduled for {timezone.localtime(later):%Y-%m-%d %H:%M:%S}." in page.text
        assert "UTC" not in page.text

    @pytest.mark.parametrize(
        ("language", "parts"),
        [
            ("en", ("“Send again” sends it again.", "“Send again” or “Cancel”")),
            ("id", ("“Kirim lagi” mengirimnya lagi.", "“Kirim lagi” atau “Batalkan”")),
        ],
    )
    def test_sentences_name_the_buttons(self, staff, language, parts):
        """What SQL calls mail_retry and mail_cancel are buttons of this page."""
        staff.cookies["django_language"] = language
        again, choice = parts
        dead, unsure = queue(), queue()
        finish(dead)
        execute(
            "UPDATE sespan.mail_queue SET state = 'unknown', attempts = 1, tried_at = now()"
            " WHERE message_id = %s",
            [unsure],
        )
        page = staff.get(f"{LIST}{dead}/change/").text
        assert again in page
        for page in (staff.get(f"{LIST}{unsure}/change/").text, staff.get(QUEUE).text):
            assert choice in page
            assert "mail_retry" not in page
            assert "mail_cancel" not in page

    def test_a_paused_one(self, staff):
        number = queue(category="order")
        execute(
            "UPDATE sespan.mail_queue SET parked = 'category:order', due_at = 'infinity'"
            " WHERE message_id = %s",
            [number],
        )
        page = staff.get(f"{LIST}{number}/change/")
        assert [e.text for e in page.context["timeline"]] == ["Enqueued"]
        assert MailQueue.objects.get(message_id=number).due_at is None
        assert MailMessage.objects.get(pk=number).recipient_rows()[0].due_at is None

    @pytest.mark.parametrize("number", ["0", "987654", "x", "9" * 40, "-1"])
    def test_an_unknown_one(self, staff, number):
        assert staff.get(f"{LIST}{number}/change/").status_code == 404

    def test_a_mail_whose_outcomes_are_gone(self, staff):
        number = queue()
        execute("DELETE FROM sespan.mail_queue WHERE message_id = %s", [number])
        assert "Their states are gone" in staff.get(f"{LIST}{number}/change/").text


class TestPreview:
    def test_the_content_is_shown_and_audited(self, staff):
        made = EmailMultiAlternatives("S", "plain words", "shop@example.com", ["a@example.com"])
        made.attach_alternative('<p>rich</p><img src="https://evil.test/x.png">', "text/html")
        made.attach("a.pdf", b"x" * 1000, "application/pdf")
        made.extra_headers["X-Order"] = "17"
        EmailBackend().send_messages([made])
        page = staff.post(f"{LIST}{made.sespan_id}/preview/")
        assert "plain words" in page.text
        assert "<p>rich</p>" not in page.text  # only inside srcdoc
        assert 'sandbox=""' in page.text
        assert "default-src &#x27;none&#x27;" in page.text
        assert "&lt;p&gt;rich&lt;/p&gt;" in page.text
        assert "X-Order" in page.text
        assert "a.pdf" in page.text
        assert audit() == [("anna", "preview", [made.sespan_id])]

    def test_a_raw_one(self, staff):
        made = EmailMultiAlternatives(
            "S", "plain words", "shop@example.com", ["a@example.com"], reply_to=["a@b.co", "c@d.co"]
        )
        made.attach_alternative("<p>rich</p>", "text/html")
        made.attach("a.pdf", b"x" * 1000, "application/pdf")
        EmailBackend().send_messages([made])
        shown = staff.post(f"{LIST}{made.sespan_id}/preview/").context["content"]
        assert (shown.text.strip(), shown.html.strip()) == ("plain words", "<p>rich</p>")
        assert ("Reply-To", "a@b.co, c@d.co") in shown.fields
        assert shown.attachments[0]["size"] == 1000

    def test_never_a_wiped_or_sealed_body(self, staff):
        number = queue()
        execute(
            "UPDATE sespan.mail_message SET body_text = NULL, wiped_at = now()"
            " WHERE message_id = %s",
            [number],
        )
        assert "Its content was wiped at" in staff.post(f"{LIST}{number}/preview/").text
        ((number,),) = execute(
            "SELECT sespan.mail_enqueue_sealed('a@example.com', 'Code', '\\x736563726574', 'code',"
            " 0, NULL)"
        )
        page = staff.post(f"{LIST}{number}/preview/").text
        assert "Its content is sealed" in page
        assert "secret" not in page
        assert "736563726574" not in page

    def test_an_unknown_one(self, staff):
        assert staff.post(f"{LIST}987654/preview/").status_code == 404

    @pytest.mark.parametrize(
        "raw",
        [
            b"Subject: x\r\n\r\nplain",
            b"Subject: =?x?q?y?=\r\nContent-Type: text/html; charset=nonsense\r\n\r\n<p>\xff",
            b"Content-Type: multipart/mixed; boundary=x\r\n\r\nno parts",
            b"Content-Transfer-Encoding: base64\r\n\r\n!!!",
        ],
    )
    def test_broken_mime_is_shown_all_the_same(self, raw):
        row = {"raw": raw, "sentence": ""}
        assert preview.mail_content(row).fields


class TestQueue:
    def test_states_and_what_needs_a_look(self, staff):
        number = queue()
        execute("UPDATE sespan.mail_queue SET state = 'unknown', tried_at = now()")
        finish(queue())
        page = staff.get(QUEUE)
        numbers = {r["state"]: r["mails"] for r in page.context["status"]}
        assert (numbers["unknown"], numbers["dead"], numbers["queued"]) == (1, 1, 0)
        assert page.context["stuck"][0]["message_id"] == number
        assert page.context["minutes"][0]["failed"] == 1

    @pytest.mark.parametrize(
        ("body", "what"),
        [
            ({"scope": "all", "name": "ignored"}, "all"),
            ({"scope": "category", "name": "order"}, "category:order"),
            ({"scope": "domain", "name": " Example.com "}, "domain:example.com"),
        ],
    )
    def test_pause_and_resume(self, staff, body, what):
        words = {"all": "All mails", "category:order": "The category order"}
        words = words.get(what, "The domain example.com")
        page = staff.post(QUEUE, body, follow=True)
        assert [p["what"] for p in page.context["pauses"]] == [what]
        assert "by anna" in page.text
        assert f"<strong>{words}</strong> is paused" in staff.get(LIST).text
        page = staff.post(QUEUE, {"resume": what}, follow=True)
        assert page.context["pauses"] == []
        assert message_texts(page) == [f"“{words}” is sent again."]
        assert [a[:2] for a in audit()] == [("anna", "pause"), ("anna", "resume")]

    @pytest.mark.parametrize(
        "body",
        [
            {"scope": "category"},
            {"scope": "category", "name": "two words"},
            {"scope": "domain", "name": "a@b.co"},
            {"scope": "planet", "name": "x"},
            {},
        ],
    )
    def test_a_wrong_pause_is_an_error(self, staff, body):
        page = staff.post(QUEUE, body)
        assert page.status_code == 200
        assert page.context["form"].errors
        assert audit() == []

    @pytest.mark.parametrize("what", ["all", "nonsense", "category:x"])
    def test_resuming_what_is_not_paused(self, staff, what):
        assert message_texts(staff.post(QUEUE, {"resume": what}, follow=True)) == [
            "This is not paused."
        ]

    def test_a_row_leads_to_its_mail(self, staff):
        number = queue()
        answer = staff.get(f"{QUEUE}{number * 1024}/change/")
        assert answer.headers["Location"] == f"{LIST}{number}/change/"
