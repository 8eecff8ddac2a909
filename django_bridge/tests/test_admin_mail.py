"""The list of mails: what staff find in it and do with it, each by their rights."""

from __future__ import annotations

import re

import pytest
from django.core.mail import EmailMessage
from django.utils import timezone

from django_sespan.mail import EmailBackend
from queued_mails import LIST, QUEUE, audit, finish, log_in, message_texts, queue, state

pytestmark = pytest.mark.django_db


@pytest.fixture
def login(client):
    return lambda *rights: log_in(client, *rights)


@pytest.fixture
def staff(client):
    return log_in(client, "view_mailmessage", "view_mailqueue", "manage_mail", "preview_mail")


class TestList:
    def test_lines(self, staff):
        first = queue(category="order")
        second = queue("Another", ["b@example.com", "c@example.com"])
        finish(first)
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
            ({"q": "B@EXAM"}, ["another"]),
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
        finish(queue("dead one"))
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
    def test_a_wrong_filter_is_an_error(self, staff, query):
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
    def test_an_audited_page_is_not_a_link(self, staff, name):
        number = queue()
        assert staff.get(f"{LIST}{number}/{name}/").status_code == 405
        assert audit() == []


class TestActions:
    def test_send_again_and_what_was_left(self, staff):
        dead, sent, waiting = queue(), queue(to=["b@example.com"]), queue(to=["c@example.com"])
        finish(dead)
        finish(sent, "sent", None, "250 ok")
        body = {"action": "retry", "_selected_action": [dead, sent, waiting, 987654]}
        page = staff.post(LIST, body, follow=True)
        assert state(dead) == ["retry"]
        assert state(sent) == ["sent"]
        texts = message_texts(page)
        assert texts[0] == "1 recipient gets the mail again."
        assert f"Mail {sent} to b@example.com was left as it is. It was sent at" in texts[1]
        assert "Mail 987654 was left as it is. No mail with this number is known." in texts[-1]
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
        assert message_texts(page) == ["The mail to 1 recipient was cancelled."]
        assert page.redirect_chain[-1][0] == f"{LIST}{number}/change/"
        assert page.text.count(" disabled>") == 3  # nothing is left to read either

    def test_many_that_are_left_are_summed_up(self, staff):
        numbers = [queue() for _ in range(8)]
        for number in numbers:
            finish(number, "sent", None, "250 ok")
        page = staff.post(LIST, {"action": "retry", "_selected_action": numbers}, follow=True)
        assert len(message_texts(page)) == 6
        assert message_texts(page)[-1] == "3 more recipients were left as they are."

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
        assert message_texts(page) == ["Choose mails and what to do with them."]
        assert state(number) == ["queued"]

    def test_too_many_or_too_large_numbers(self, staff):
        assert (
            staff.post(LIST, {"action": "retry", "_selected_action": "9" * 40}).status_code == 302
        )
