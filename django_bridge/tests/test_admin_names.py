"""Names in place of numbers: who a row is about, what it leads to, and how it is found."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_sespan._internal import customers
from queued_mails import LIST, execute, queue

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("bound")]

LOG, CODES, DRAWS = (f"/admin/sespan/{name}/" for name in ("apilog", "otp", "transactionlog"))
CALL = """
INSERT INTO sespan.api_log (response_id, ip, request_type, request_header, response_header, status,
    outcome, status_details, time_requested, time_responded, elapsed_time, customer_id)
VALUES (%s, '203.0.113.9', %s, '{}', '{}', 200, 'success', '', to_timestamp(1790000000.123),
    to_timestamp(1790000000.2), '3 ms', %s)
"""
BODIES = """
INSERT INTO sespan.api_log_body (time_requested, response_id, request_body, response_body)
VALUES (to_timestamp(1790000000.123), %s, %s, %s)
"""
RESPONSE = "01a0c450-6c7b-7000-8000-0000000000{:02x}"  # a UUID of that moment


@pytest.fixture
def staff(client):
    client.force_login(User.objects.create_superuser("staff", "staff@example.com", "x"))
    return client


@pytest.fixture
def ani():
    """Somebody whose user name says nothing, as on sites that make them up."""
    return User.objects.create_user(
        "u-8f3a1c", "ani@example.com", "x", first_name="Ani", last_name="Wijaya"
    )


def call(number, customer_id=None, kind="OTP", request="", response=""):
    response_id = RESPONSE.format(number)
    execute(CALL, [response_id, kind, customer_id])
    execute(BODIES, [response_id, request, response])
    return response_id


def draw(customer_id, ref="INV-17", username="then", tier=None, capped=None):
    execute(
        """INSERT INTO sespan.transaction_log (customer_id, order_ref, tier_id, username,
           discounted, transaction_amount, discounted_amount, transaction_time, draw_version,
           draw_epoch, client_nonce, draw_number, draw_threshold, capped_by)
           VALUES (%s, %s, %s, %s, %s, 250000, %s, now(), 1, (now() AT TIME ZONE 'UTC')::date, '',
           1, CASE WHEN %s THEN 2 END, %s)""",
        [
            customer_id,
            ref,
            tier,
            username,
            tier is not None and capped is None,
            200000 if tier is not None and capped is None else 250000,
            tier is not None,
            capped,
        ],
    )


def text_of(page):
    """The page's words, without tags."""
    content = page.text[page.text.index('id="content') :]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", content))


class TestWho:
    def test_a_call_a_code_and_a_draw_name_the_customer(self, staff, ani):
        call(1, ani.pk)
        draw(ani.pk)
        for url in (LOG, DRAWS):
            page = staff.get(url)
            assert "Ani Wijaya" in text_of(page)
            assert "ani@example.com" in text_of(page)
            assert f"/admin/auth/user/{ani.pk}/change/" in page.text

    def test_who_has_no_name_is_called_by_the_address(self, staff):
        nobody = User.objects.create_user("u-77", "sari@example.com", "x")
        call(1, nobody.pk)
        assert "sari@example.com" in text_of(staff.get(LOG))

    def test_an_account_that_is_gone(self, staff):
        call(1, 4711)
        draw(4711, username="budi")
        assert "customer 4711, no account any more" in text_of(staff.get(LOG))
        assert "budi customer 4711, no account any more" in text_of(staff.get(DRAWS))

    def test_a_failed_login_shows_what_was_typed(self, staff, ani):
        call(1, kind="Login", request='{"username": "anni@example.com", "outcome": "failure"}')
        call(2, kind="Login", request="{cut")
        assert "“anni@example.com” was typed" in text_of(staff.get(LOG))

    def test_times_have_seconds(self, staff, ani):
        call(1, ani.pk)
        assert re.search(r"\d\d:\d\d:\d\d", text_of(staff.get(LOG)))

    def test_names_cost_one_query_however_many_rows(self, staff, ani):
        def count():
            with CaptureQueriesContext(connection) as queries:
                staff.get(LOG)
            return len(queries)

        call(1, ani.pk)
        one = count()
        for number in range(2, 12):
            other = User.objects.create_user(f"u{number}", f"u{number}@example.com", "x")
            call(number, other.pk)
        assert count() == one

    def test_who_may_not_see_customers_gets_no_link(self, client, ani):
        from queued_mails import log_in

        call(1, ani.pk)
        page = log_in(client, "view_apilog").get(LOG)
        assert "Ani Wijaya" in page.text
        assert "/admin/auth/user/" not in page.text


class TestLinks:
    def test_from_a_draw_to_order_customer_mails_and_proof(self, staff, ani, settings):
        draw(ani.pk)
        ((number,),) = execute("SELECT transaction_id FROM sespan.transaction_log")
        settings.SESPAN = settings.SESPAN | {"ADAPTER": "test_admin_names.OrderAdapter"}
        page = staff.get(f"{DRAWS}{number}/change/").text
        for link in (
            "/orders/INV-17/",
            f"/admin/auth/user/{ani.pk}/change/",
            f"{LIST}?subject=INV-17",
            f"{LIST}?q=ani%40example.com",
            f"{CODES}?q={ani.pk}",
            f"{LOG}?q={ani.pk}",
            f"/account/reports/transactions/{number}/",
        ):
            assert f'href="{link}"' in page, link

    def test_from_a_call_to_its_draw_and_codes(self, staff, ani):
        call(1, ani.pk, "Transaction", response='{"transaction_id": "42"}')
        call(2, ani.pk, response='{"challenge_id": "0190-x"}')
        rows = dict(execute("SELECT request_type, log_id FROM sespan.api_log_full"))
        draw_page = staff.get(f"{LOG}{rows['Transaction']}/change/").text
        assert f'href="{DRAWS}42/change/"' in draw_page
        assert f'href="{CODES}?q=0190-x"' in staff.get(f"{LOG}{rows['OTP']}/change/").text

    def test_from_a_mail_to_its_customer(self, staff, ani):
        number = queue(to=["ani@example.com", "other@example.com"])
        page = staff.get(f"{LIST}{number}/change/").text
        assert f"/admin/auth/user/{ani.pk}/change/" in page
        assert f"{CODES}?q=ani%40example.com" in page


class OrderAdapter:
    """A site that has a page for orders."""

    def order_url(self, request, order_ref):
        return f"/orders/{order_ref}/"


class TestSearch:
    @pytest.mark.parametrize(
        "term", ["ani@example.com", "ANI@example.com", "u-8f3a1c", "Wijaya", "ani wij", "{pk}"]
    )
    def test_by_what_a_person_knows(self, staff, ani, term):
        other = User.objects.create_user("budi", "budi@example.com", "x", last_name="Santoso")
        for customer in (ani, other):
            call(customer.pk % 200, customer.pk)
            draw(customer.pk)
        for url in (LOG, DRAWS):
            page = staff.get(url, {"q": term.format(pk=ani.pk)})
            assert [r.customer_id for r in page.context["cl"].result_list] == [ani.pk], url

    def test_nobody(self, staff, ani):
        call(1, ani.pk)
        for term in ("nobody@example.com", "Nobody", "9999999", "9" * 40, "%", "'"):
            page = staff.get(LOG, {"q": term})
            assert list(page.context["cl"].result_list) == []

    def test_by_response_and_visitor(self, staff, ani):
        response = call(1, ani.pk)
        call(2)
        for term, found in ((response, 1), (RESPONSE.format(99), 0), ("203.0.113.9", 2)):
            page = staff.get(LOG, {"q": term})
            assert len(page.context["cl"].result_list) == found, term

    def test_an_order_by_its_name(self, staff, ani):
        draw(ani.pk, "1001")
        draw(ani.pk, "INV-18")
        for term in ("1001", "INV-18"):
            page = staff.get(DRAWS, {"q": term})
            assert [r.order_ref for r in page.context["cl"].result_list] == [term]

    def test_a_mail_by_its_subject(self, staff):
        queue("Your order INV-17")
        queue("Your code", category="code")
        for query in ({"subject": "inv-17"}, {"subject": "ORDER", "state": "queued"}):
            page = staff.get(LIST, query)
            assert [r["subject"] for r in page.context["page"].rows] == ["Your order INV-17"]
        assert staff.get(LIST, {"subject": "%"}).context["page"].rows == []

    def test_too_many_are_said(self, staff, monkeypatch):
        monkeypatch.setattr(customers, "AT_MOST", 3)
        for number in range(5):
            User.objects.create_user(f"u{number}", f"u{number}@example.com", "x", last_name="Tan")
        page = staff.get(LOG, {"q": "Tan"})
        assert "More than 3 customers are like this" in page.text

    def test_the_log_is_not_read_for_a_name(self, staff, ani):
        """However many rows it has: by the index of customers, or of the response's moment."""
        execute(
            """INSERT INTO sespan.api_log (response_id, request_type, request_header,
               response_header, status, outcome, status_details, time_requested, time_responded,
               elapsed_time, customer_id)
               SELECT gen_random_uuid(), 'OTP', '{}', '{}', 200, 'success', '',
               now() - n * interval '1 s', now(), '0', 100000 + n
               FROM generate_series(1, 20000) n"""
        )
        response = call(1, ani.pk)
        execute("ANALYZE sespan.api_log")
        for term in ("ani@example.com", "Wijaya", response, "203.0.113.9", "nobody@example.com"):
            before = rows_read()
            staff.get(LOG, {"q": term})
            assert rows_read() - before < 200, term


def rows_read():
    ((count,),) = execute(
        "SELECT coalesce(sum(seq_tup_read), 0) + coalesce(sum(idx_tup_fetch), 0)"
        " FROM pg_stat_xact_user_tables WHERE schemaname = 'sespan' AND relname LIKE 'api\\_log%'"
    )
    return int(count)
