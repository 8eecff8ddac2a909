"""What staff see of mails and do with them, each by their rights."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import Permission, User
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.db import connection
from django.utils import timezone

from django_sespan.admin.mail import content
from django_sespan.mail import EmailBackend
from django_sespan.models import MailMessage, MailQueue

pytestmark = pytest.mark.django_db

LIST = "/admin/sespan/mailmessage/"
QUEUE = "/admin/sespan/mailqueue/"


def execute(sql, values=()):
    with connection.cursor() as cursor:
        cursor.execute(sql, values or None)
        return cursor.fetchall() if cursor.description else None


def queue(subject="Hello <b>", to=("a@example.com",), cls=EmailMessage, **said):
    made = cls(subject, "secret body", "shop@example.com", list(to))
    made.sespan = said
    EmailBackend().send_messages([made])
    return made.sespan_id


def end(message_id, state="dead", reason="refused", reply="550 no such user"):
    """Let the first recipient of a mail end as a worker does."""
    execute(
        """WITH q AS (DELETE FROM sespan.mail_queue WHERE queue_id = %s RETURNING *)
           INSERT INTO sespan.mail_outcome (queue_id, message_id, created_at, state, attempts, code,
               recipient, reason, reply, relay)
           SELECT queue_id, message_id, created_at, %s, 2, 550, recipient, %s, %s, 'mx:25'
           FROM q""",
        [message_id * 1024, state, reason, reply],
    )
    execute(
        "UPDATE sespan.mail_message SET pending = pending - 1, dead = %s, sent = %s"
        " WHERE message_id = %s",
        [int(state == "dead"), int(state == "sent"), message_id],
    )


def state(message_id):
    sql = "SELECT state FROM sespan.mail_recipient WHERE message_id = %s ORDER BY queue_id"
    return [r[0] for r in execute(sql, [message_id])]


def audit():
    sql = "SELECT actor, action, ids FROM sespan.mail_audit ORDER BY audit_id"
    return [tuple(r) for r in execute(sql)]


def said(page):
    return [str(m) for m in page.context["messages"]]


@pytest.fixture
def login(client):
    def as_one_who_may(*rights):
        user = User.objects.create_user("anna", "anna@example.com", "x", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=rights))
        client.force_login(user)
        return client

    return as_one_who_may


@pytest.fixture
def staff(login):
    return login("view_mailmessage", "view_mailqueue", "manage_mail", "preview_mail")


class TestList:
    def test_lines(self, staff):
        first = queue(category="order")
        second = queue("Another", ["b@example.com", "c@example.com"])
        end(first)
        page = staff.get(LIST)
        assert [r["message_id"] for r in page.context["page"].rows] == [second, first]
        assert "Hello &lt;b&gt;" in page.text
        assert "secret body" not in page.text
        assert "sespan-dead" in page.text
        assert "+1" in page.text

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ({"state": "dead"}, ["dead one"]),
            ({"state": "queued"}, ["one of an order", "another"]),
            ({"category": "order"}, ["one of an order"]),
            ({"q": "B@EXAMPLE"}, []),
            ({"q": "b@exam"}, ["another"]),
            ({"q": "%"}, []),
            ({"q": "b@exam", "state": "dead"}, []),
            ({"day": "today"}, ["dead one", "one of an order", "another"]),
            ({"day": "2001-01-01"}, []),
        ],
    )
    def test_filters(self, staff, query, found):
        queue("another", ["b@example.com"])
        queue("one of an order", category="order")
        end(queue("dead one"))
        if query.get("day") == "today":
            query = {"day": timezone.localdate().isoformat()}
        page = staff.get(LIST, query)
        assert [r["subject"] for r in page.context["page"].rows] == found

    @pytest.mark.parametrize(
        "query",
        [
            {"state": "lost"},
            {"category": "two words"},
            {"day": "yesterday"},
            {"before": "0"},
            {"before": "x"},
            {"before": "9" * 30},
            {"q": "x" * 300},
        ],
    )
    def test_a_wrong_filter_is_told(self, staff, query):
        queue()
        page = staff.get(LIST, query)
        assert page.status_code == 200
        assert page.context["form"].errors.keys() == query.keys()

    @pytest.mark.parametrize("query", [{"q": "\x00"}, {"q": "'\"\\"}, {"category": "\x00"}])
    def test_odd_text_is_no_error_of_the_server(self, staff, query):
        assert staff.get(LIST, query).status_code == 200

    def test_a_number_leads_to_the_mail(self, staff):
        number = queue()
        answer = staff.get(LIST, {"q": str(number)})
        assert answer.headers["Location"] == f"{LIST}{number}/change/"
        assert staff.get(LIST, {"q": "99999999"}, follow=True).status_code == 404

    def test_further_pages(self, staff):
        mails = [EmailMessage(f"s{n}", "b", None, ["a@example.com"]) for n in range(60)]
        EmailBackend().send_messages(mails)
        page = staff.get(LIST, {"state": "queued"})
        assert len(page.context["page"].rows) == 50
        (older,) = re.findall(r'<a href="(\?state=queued&amp;before=\d+)" rel="next">', page.text)
        page = staff.get(LIST + older.replace("&amp;", "&"))
        assert [r["subject"] for r in page.context["page"].rows] == [f"s{9 - n}" for n in range(10)]
        assert 'href="?state=queued"' in page.text
        assert 'rel="next"' not in page.text


class TestRights:
    def test_nobody_without_the_right_to_see(self, login):
        client = login("manage_mail", "preview_mail")
        number = queue()
        for address in (LIST, QUEUE, f"{LIST}{number}/change/"):
            assert client.get(address).status_code == 403
        assert client.post(LIST, {"action": "retry", "_selected_action": number}).status_code == 403
        assert client.post(f"{LIST}{number}/preview/").status_code == 403
        assert client.post(QUEUE, {"scope": "all"}).status_code == 403

    def test_who_only_sees_has_no_buttons_and_is_refused(self, login):
        client = login("view_mailmessage", "view_mailqueue")
        number = queue()
        for address in (LIST, QUEUE, f"{LIST}{number}/change/"):
            page = client.get(address).text
            content_of = page[page.index('id="content-main"') :]
            assert 'type="checkbox"' not in content_of
            assert "Send again" not in content_of
            assert "Read the content" not in content_of
            assert 'name="scope"' not in content_of
        tries = [
            (LIST, {"action": "retry", "_selected_action": number}),
            (LIST, {"action": "cancel", "_selected_action": number, "sure": "yes"}),
            (f"{LIST}{number}/act/", {"action": "cancel", "sure": "yes"}),
            (f"{LIST}{number}/preview/", {}),
            (f"{LIST}{number}/change/", {}),
            (QUEUE, {"scope": "all"}),
            (QUEUE, {"resume": "all"}),
        ]
        assert [client.post(url, body).status_code for url, body in tries] == [403] * len(tries)
        assert state(number) == ["queued"]
        assert audit() == []

    def test_to_manage_is_not_to_read(self, login):
        client = login("view_mailmessage", "manage_mail")
        number = queue()
        page = client.get(f"{LIST}{number}/change/")
        assert "Send again" in page.text
        assert "Read the content" not in page.text
        assert client.post(f"{LIST}{number}/preview/").status_code == 403

    def test_visitors_are_sent_to_the_login(self, client):
        number = queue()
        assert client.post(f"{LIST}{number}/act/", {"action": "cancel"}).status_code == 302
        assert client.get(LIST).headers["Location"].startswith("/admin/login/")

    @pytest.mark.parametrize("name", ["preview", "act"])
    def test_what_leaves_a_trace_is_not_a_link(self, staff, name):
        number = queue()
        assert staff.get(f"{LIST}{number}/{name}/").status_code == 405
        assert audit() == []


class TestActions:
    def test_send_again_and_what_was_left(self, staff):
        dead, sent, waiting = queue(), queue(to=["b@example.com"]), queue(to=["c@example.com"])
        end(dead)
        end(sent, "sent", None, "250 ok")
        body = {"action": "retry", "_selected_action": [dead, sent, waiting, 987654]}
        page = staff.post(LIST, body, follow=True)
        assert state(dead) == ["retry"]
        assert state(sent) == ["sent"]
        told = said(page)
        assert told[0] == "1 recipient gets the mail again."
        assert f"Mail {sent} to b@example.com was left as it is: it was sent at" in told[1]
        assert "Mail 987654 was left as it is: no mail with this id is known." in told[-1]
        assert audit() == [("anna", "retry", [dead])]

    def test_cancel_asks_first(self, staff):
        number = queue()
        body = {"action": "cancel", "_selected_action": number}
        page = staff.post(f"{LIST}?state=queued", body)
        assert "Yes, I’m sure" in page.text
        assert state(number) == ["queued"]
        answer = staff.post(f"{LIST}?state=queued", body | {"sure": "yes"})
        assert answer.headers["Location"] == f"{LIST}?state=queued"
        assert state(number) == ["cancelled"]
        assert audit() == [("anna", "cancel", [number])]

    def test_on_the_page_of_a_mail(self, staff):
        number = queue()
        address = f"{LIST}{number}/act/"
        assert "Yes, I’m sure" in staff.post(address, {"action": "cancel"}).text
        page = staff.post(address, {"action": "cancel", "sure": "yes"}, follow=True)
        assert said(page) == ["The mail to 1 recipient was cancelled."]
        assert page.redirect_chain[-1][0] == f"{LIST}{number}/change/"
        assert page.text.count("disabled") == 2

    def test_many_that_are_left_are_summed_up(self, staff):
        numbers = [queue() for _ in range(8)]
        for number in numbers:
            end(number, "sent", None, "250 ok")
        page = staff.post(LIST, {"action": "retry", "_selected_action": numbers}, follow=True)
        assert len(said(page)) == 6
        assert said(page)[-1] == "3 more recipients were left as they are."

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"action": "retry"},
            {"action": "delete_selected", "_selected_action": "1", "post": "yes"},
            {"action": "retry", "_selected_action": "x"},
        ],
    )
    def test_nothing_chosen(self, staff, body):
        number = queue()
        page = staff.post(LIST, body, follow=True)
        assert said(page) == ["Choose mails and what to do with them."]
        assert state(number) == ["queued"]

    def test_too_many_or_too_large_numbers(self, staff):
        assert (
            staff.post(LIST, {"action": "retry", "_selected_action": "9" * 40}).status_code == 302
        )


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

    def test_tries_outcomes_and_people(self, staff):
        number = queue(to=["a@example.com", "b@example.com"])
        execute(
            """UPDATE sespan.mail_queue SET state = 'retry', attempts = 3, tried_at = now(),
               due_at = now() + interval '1 hour', last_reason = 'greylisted', last_code = 451,
               last_reply = 'come back <later>' WHERE queue_id = %s""",
            [number * 1024 + 1],
        )
        end(number)
        staff.post(f"{LIST}{number}/preview/")
        page = staff.get(f"{LIST}{number}/change/")
        texts = [e.text for e in page.context["timeline"]]
        assert "a@example.com: dead" in texts
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
    def test_what_it_says_and_that_it_is_written_down(self, staff):
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
        assert "The body was wiped at" in staff.post(f"{LIST}{number}/preview/").text
        ((number,),) = execute(
            "SELECT sespan.mail_enqueue_sealed('a@example.com', 'Code', '\\x736563726574', 'code',"
            " 0, NULL)"
        )
        page = staff.post(f"{LIST}{number}/preview/").text
        assert "The body is sealed" in page
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
        row = {"raw": raw, "note": None}
        assert content.shown(row).fields


class TestQueue:
    def test_states_and_what_needs_a_look(self, staff):
        number = queue()
        execute("UPDATE sespan.mail_queue SET state = 'unknown', tried_at = now()")
        end(queue())
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
        page = staff.post(QUEUE, body, follow=True)
        assert [p["what"] for p in page.context["pauses"]] == [what]
        assert "by anna" in page.text
        assert f"<strong>{what}</strong> is paused" in staff.get(LIST).text
        page = staff.post(QUEUE, {"resume": what}, follow=True)
        assert page.context["pauses"] == []
        assert said(page) == [f"“{what}” is sent again."]
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
    def test_a_wrong_pause_is_told(self, staff, body):
        page = staff.post(QUEUE, body)
        assert page.status_code == 200
        assert page.context["form"].errors
        assert audit() == []

    @pytest.mark.parametrize("what", ["all", "nonsense", "category:x"])
    def test_to_resume_what_is_not_paused(self, staff, what):
        assert said(staff.post(QUEUE, {"resume": what}, follow=True)) == ["This is not paused."]

    def test_a_row_leads_to_its_mail(self, staff):
        number = queue()
        answer = staff.get(f"{QUEUE}{number * 1024}/change/")
        assert answer.headers["Location"] == f"{LIST}{number}/change/"


class TestCodes:
    def test_the_right_to_activate_is_ended(self, login):
        client = login("view_otp", "revoke_activation")
        customer = User.objects.create_user("budi", "budi@example.com", "x")
        execute(
            """INSERT INTO sespan.otp (customer_id, challenge_id, valid_until, purpose, email,
               key_id, otp_number) VALUES (%s, gen_random_uuid(), now() + interval '10 minutes',
               'registration', 'budi@example.com', 'k1', sha256('x'))""",
            [customer.pk],
        )
        ((code,),) = execute("SELECT otp_id FROM sespan.otp")
        body = {"action": "revoke_activation", "_selected_action": code}
        page = client.post("/admin/sespan/otp/", body, follow=True)
        assert said(page) == ["1 customer can no longer become active by a code."]
        assert execute("SELECT customer_id FROM sespan.otp_activation WHERE revoked_at IS NOT NULL")

    def test_without_the_right(self, login):
        client = login("view_otp")
        assert "revoke_activation" not in client.get("/admin/sespan/otp/").text
        body = {"action": "revoke_activation", "_selected_action": 1}
        assert client.post("/admin/sespan/otp/", body).status_code == 403


class TestWithoutTheSchema:
    """A site's own tests run in a database that Sespan never saw."""

    @pytest.fixture(autouse=True)
    def _gone(self, db):
        execute("ALTER SCHEMA sespan RENAME TO elsewhere")

    def test_the_pages_say_so(self, staff):
        for answer in (
            staff.get(LIST),
            staff.get(QUEUE),
            staff.get(f"{LIST}1/change/"),
            staff.post(f"{LIST}1/preview/"),
            staff.post(f"{LIST}1/act/", {"action": "retry"}),
        ):
            assert answer.status_code == 503
            assert "sespan migrate up" in answer.text

    def test_the_rest_of_the_admin_works(self, client):
        client.force_login(User.objects.create_superuser("root", "r@example.com", "x"))
        assert client.get("/admin/").status_code == 200
        assert client.get("/admin/sespan/").status_code == 200


class TestRightsOfTheLogin:
    """The site's own login to the database, which is no superuser."""

    @pytest.fixture
    def login_with(self, staff):
        """Go on as a login with these of Sespan's groups, until the test ends."""
        groups = Path(__file__).parents[2] / "sql" / "roles.sql"
        execute(re.sub(r"^(BEGIN|COMMIT);$", "", groups.read_text(), flags=re.MULTILINE))
        execute("RESET ROLE")

        def become(*names):
            execute("CREATE ROLE bridge_test_site")
            execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO bridge_test_site")
            execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO bridge_test_site")
            for name in names:
                execute(f"GRANT {name} TO bridge_test_site")
            execute("SET LOCAL ROLE bridge_test_site")
            return staff

        yield become
        execute("RESET ROLE")

    def test_with_the_groups_everything_works(self, login_with):
        site = login_with("sespan_producer", "sespan_reader_detail", "sespan_admin")
        made = EmailMessage("S", "b", "shop@example.com", ["a@example.com"])
        made.attach("big.bin", bytes(100_000), "application/x-thing")
        made.sespan = {"category": "order"}
        assert EmailBackend().send_messages([made, EmailMessage("S", "b", None, ["b@b.co"])]) == 2
        number = made.sespan_id
        for address in (LIST, f"{LIST}?q=a", f"{LIST}?category=order", QUEUE):
            assert site.get(address).status_code == 200, address
        assert site.get(f"{LIST}{number}/change/").status_code == 200
        assert site.post(f"{LIST}{number}/preview/").status_code == 200
        for body in ({"scope": "all"}, {"resume": "all"}):
            assert site.post(QUEUE, body).status_code == 302
        body = {"action": "cancel", "sure": "yes"}
        assert said(site.post(f"{LIST}{number}/act/", body, follow=True)) == [
            "“all” is paused.",
            "“all” is sent again.",
            "The mail to 1 recipient was cancelled.",
        ]

    @pytest.mark.parametrize("groups", [[], ["sespan_producer"], ["sespan_reader"]])
    def test_without_them_it_is_told(self, login_with, groups):
        site = login_with(*groups)
        for address in (LIST, QUEUE, f"{LIST}1/change/"):
            answer = site.get(address)
            assert answer.status_code == 503, address
            assert "sespan_reader_detail" in answer.text

    def test_to_read_is_not_to_change(self, login_with):
        number = queue()
        site = login_with("sespan_reader_detail")
        assert site.get(LIST).status_code == 200
        assert site.get(f"{LIST}{number}/change/").status_code == 200
        assert site.post(f"{LIST}{number}/preview/").status_code == 503
        assert site.post(QUEUE, {"scope": "all"}).status_code == 503
