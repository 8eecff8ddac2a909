"""The main flows of the bridge in sites of all kinds: pairs of settings that Django leaves to them.

What the bridge may not do in any of them: answer 500, show a naive time or one of the server's
zone, send a number for a script, an id or a URL through the site's number format, or look for
its own writes where they are not yet.
"""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from html.parser import HTMLParser
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.mail import EmailMessage
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from django.utils.formats import get_format

from django_sespan.mail import EmailBackend, queue_admin
from django_sespan.models import TransactionTier
from fake import CODE
from pairs import pairwise
from people import group, person
from queued_mails import execute, finish, queue
from registrants import (
    CODE_URL,
    EMAIL,
    LOGIN_CODE_URL,
    LOGIN_URL,
    PASSWORD,
    REGISTER_URL,
    RESEND_URL,
    RESUME_URL,
    form,
)
from report_page import november_of
from site_factors import FACTORS, lagging, site
from site_project.orders import ORDERS

ROWS = pairwise(FACTORS)
STAFF_ROWS = pairwise({k: v for k, v in FACTORS.items() if k not in {"SESSION_ENGINE", "cache"}})
FOR_PEOPLE = {"alt", "title", "aria-label", "placeholder", "srcdoc", "d"}
"""Attributes that a person reads (there a number looks as the site wants it), and drawings."""


def name_of(row):
    return "-".join(str(value).rpartition(".")[2] for value in row.values())


@pytest.fixture(params=ROWS, ids=name_of)
def chosen(request, db, tmp_path):
    with site(request.param, tmp_path):
        yield request.param
        cache.clear()


@pytest.fixture(params=STAFF_ROWS, ids=name_of)
def staffed(request, db, tmp_path):
    """A site for the pages of staff, which keep little in sessions and caches."""
    with site(request.param | {"SESSION_ENGINE": "db", "cache": "locmem"}, tmp_path):
        yield request.param


class Attributes(HTMLParser):
    """What a page says to scripts, forms and links."""

    def __init__(self):
        super().__init__()
        self.values = []

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if value and name not in FOR_PEOPLE and not name.startswith("data-text"):
                self.values.append(f"{name}={value}")


def whole(page, status=200):
    """The text of a page whose machine-readable parts hold no number of the site's format."""
    assert page.status_code == status, page.text[:2000]
    parser = Attributes()
    parser.feed(page.text)
    for value in parser.values:
        assert not re.search(r"\d[.,'\u2019\u00a0\u202f]\d{3}(?!\d)", value), value
    return page.text


def test_every_pair_of_values_has_a_row():
    for one, values in FACTORS.items():
        for other, others in FACTORS.items():
            if one != other:
                seen = {(str(row[one]), str(row[other])) for row in ROWS}
                assert len(seen) == len(values) * len(others)
    assert len(ROWS) <= 30


def test_a_customer_from_the_form_to_the_checkout(chosen, bound, sespan, signing_key, client):
    sespan.on_verified = lambda pk: User.objects.filter(pk=pk).update(is_active=True)
    sespan.resend_seconds = 3600
    with lagging("auth", "sespan"):
        whole(client.get(REGISTER_URL))
        assert client.post(REGISTER_URL, form())["Location"] == CODE_URL
        page = whole(client.get(CODE_URL))
        assert 3590 < int(re.search(r'data-seconds="(\d+)"', page)[1]) <= 3600
        assert re.search(r"\b10\b", page)
        assert not re.search(r"\d\d:\d\d", page)
        assert client.post(RESEND_URL)["Location"] == CODE_URL
        whole(client.get(CODE_URL))
        whole(client.post(CODE_URL, {"code": "654321"}))
        other = Client()
        whole(other.get(RESUME_URL))
        whole(other.post(RESUME_URL, {"email": EMAIL, "password": "wrong horse 1"}))
        body = {"email": EMAIL, "password": PASSWORD}
        assert other.post(RESUME_URL, body)["Location"] == CODE_URL
        whole(other.get(CODE_URL))
        assert other.post(CODE_URL, {"code": CODE})["Location"] == "/home/"
    assert other.get("/home/").text == "hello budi"
    user = User.objects.get()
    assert (user.is_active, user.last_login is not None) == (True, True)
    shop(other, user)


def shop(browser, user):
    """The checkout's box and token of a customer who is logged in."""
    ORDERS["A-17"] = (user.pk, Decimal("1234567.5"))
    try:
        assert "1234567.5" in whole(browser.get("/checkout/A-17/"))
        answer = browser.post("/account/checkout-token/", {"order_ref": "A-17"})
        assert answer.json()["transaction_amount"] == "1234567.5"
    finally:
        ORDERS.clear()
    assert Client().post("/account/checkout-token/", {"order_ref": "A-17"}).status_code == 401


def test_a_login_that_needs_its_code_and_a_known_address(chosen, bound, sespan, client):
    sespan.on_verified = lambda pk: User.objects.filter(pk=pk).update(is_active=True)
    with lagging("auth", "sespan"):
        client.post(REGISTER_URL, form())
        other = Client()
        whole(other.get(LOGIN_URL))
        login = {"username": "budi", "password": PASSWORD}
        assert other.post(LOGIN_URL, login)["Location"] == CODE_URL
        assert other.post(CODE_URL, {"code": CODE})["Location"] == "/home/"
        stranger = Client()
        again = form("siti", password="another horse 8")
        assert stranger.post(REGISTER_URL, again)["Location"] == CODE_URL
        whole(stranger.get(CODE_URL))
        whole(stranger.post(CODE_URL, {"code": CODE}))
    assert other.get("/home/").text == "hello budi"
    assert User.objects.count() == 1


def test_a_login_by_code(chosen, memory, client):
    User.objects.create_user("budi", EMAIL, PASSWORD)
    with lagging("auth", "sespan"):
        whole(client.get(f"{LOGIN_CODE_URL}?next=/home/"))
        whole(client.post(LOGIN_CODE_URL, {"email": "budi"}))
        login = {"email": EMAIL.upper(), "next": "/home/"}
        assert client.post(LOGIN_CODE_URL, login)["Location"] == CODE_URL
        assert 'data-seconds="60"' in whole(client.get(CODE_URL))
        whole(client.post(CODE_URL, {"code": memory.wrong_code()}))
        assert client.post(CODE_URL, {"code": memory.code()})["Location"] == "/home/"
    assert client.get(LOGIN_CODE_URL)["Location"] == "/home/"
    assert client.get("/home/").text == "hello budi"


def staff(client):
    call_command("sespan_init", "--groups-only", stdout=StringIO())
    made = person("anna", is_staff=True)
    made.groups.add(group("admin"))
    client.force_login(made)
    return made


def rows_of_every_kind(customer):
    """A row in every table that staff read, with numbers that a format would group."""
    for table, column in (
        ("otp", "otp_id"),
        ("transaction_log", "transaction_id"),
        ("api_log", "log_id"),
        ("audit", "audit_id"),
        ("mail_message", "message_id"),
        ("transaction_tier", "tier_id"),
    ):
        sequence = f"pg_get_serial_sequence('sespan.{table}', '{column}')"
        execute(f"SELECT setval({sequence}, greatest(1234567, nextval({sequence})))")
    TransactionTier(
        name="Gold",
        probability=Decimal("0.5"),
        discount=Decimal("0.1"),
        minimum_transaction=Decimal("98765.5"),
        per_customer_uses=4321,
    ).save()
    execute(
        """INSERT INTO sespan.otp (customer_id, challenge_id, valid_until, purpose, email, key_id,
           otp_number) VALUES (%s, gen_random_uuid(), now() + interval '10 minutes',
           'registration', 'budi@example.com', 'k1', sha256('x'))""",
        [customer],
    )
    execute(
        """INSERT INTO sespan.transaction_log (customer_id, order_ref, tier_id, username,
           discounted, transaction_amount, discounted_amount, transaction_time, draw_version,
           draw_epoch, client_nonce, draw_number, draw_threshold)
           VALUES (7654321, 'A-17', 1234567, 'gone', true, 98765, 90, now(), 1,
           (now() AT TIME ZONE 'UTC')::date, '', 1, 2)"""
    )
    execute(
        """INSERT INTO sespan.api_log (response_id, ip, request_type, request_header,
           response_header, status, outcome, status_details, time_requested, time_responded,
           elapsed_time, customer_id)
           VALUES (gen_random_uuid(), '203.0.113.9', 'Login', '{"a": "b"}', '{}', 201,
           'failure', 'login-failed', now(), now(), '3 ms', 7654321)"""
    )
    dead = queue()
    finish(dead)
    execute("UPDATE sespan.mail_queue SET state = 'unknown', tried_at = now()")
    waiting = queue("later", send_at=None)
    execute(
        "UPDATE sespan.mail_queue SET state = 'retry', attempts = 1, tried_at = now(),"
        " due_at = now() + interval '1 hour' WHERE message_id = %s",
        [waiting],
    )
    queue_admin.pause("default", "category:order", "anna")
    return dead, waiting


ADMIN = "/admin/sespan/"


def test_the_pages_of_the_administration(staffed, client):
    anna = staff(client)
    dead, waiting = rows_of_every_kind(anna.pk)
    with lagging("sespan"):
        for name in ("apilog", "otp", "transactionlog", "transactiontier", "auditentry"):
            text = whole(client.get(f"{ADMIN}{name}/"))
            ((key,),) = execute(f"SELECT max({KEYS[name][1]}) FROM sespan.{KEYS[name][0]}")
            assert grouped("1", "234") not in text
            text = whole(client.get(f"{ADMIN}{name}/{key}/change/"))
            assert grouped("7", "654") not in text
            assert grouped("1", "234") not in text
        for path in ("mailmessage/", f"mailmessage/{dead}/change/", "mailqueue/", "access/"):
            whole(client.get(f"{ADMIN}{path}"))
        text = whole(client.get(f"{ADMIN}mailmessage/{waiting}/change/"))
        assert "sespan-ahead" in text
        whole(client.get(f"{ADMIN}access/{anna.pk}/change/"))
        whole(client.post(f"{ADMIN}mailmessage/{waiting}/preview/"))
        body = {"action": "cancel", "_selected_action": [waiting, dead]}
        assert str(waiting) in whole(client.post(f"{ADMIN}mailmessage/", body))
        assert client.post(f"{ADMIN}mailmessage/", body | {"sure": "yes"}).status_code == 302
        whole(client.get(f"{ADMIN}mailmessage/"))
        pause = {"scope": "category", "name": "news"}
        assert client.post(f"{ADMIN}mailqueue/", pause).status_code == 302
        whole(client.get(f"{ADMIN}mailqueue/"))


KEYS = {
    "apilog": ("api_log", "log_id"),
    "otp": ("otp", "otp_id"),
    "transactionlog": ("transaction_log", "transaction_id"),
    "transactiontier": ("transaction_tier", "tier_id"),
    "auditentry": ("audit", "audit_id"),
}


def grouped(*digits):
    return get_format("THOUSAND_SEPARATOR").join(digits)


def test_a_tier_is_saved_as_it_was_shown(staffed, client):
    staff(client)
    rows_of_every_kind(1)
    url = f"{ADMIN}transactiontier/{TransactionTier.objects.get().pk}/change/"
    with lagging("sespan"):
        page = client.get(url)
        whole(page)
        shown = page.context["adminform"].form
        data = {f.html_name: f.value() for f in shown if f.value() not in {None, False}}
        data |= {"starts_at_0": "2026-11-01", "starts_at_1": "09:00:00", "name": "Silver"}
        assert client.post(url, data).status_code == 302
        tier = TransactionTier.objects.using("default").get()
    assert (tier.name, tier.minimum_transaction) == ("Silver", Decimal("98765.5"))
    assert tier.starts_at is not None


def test_the_pages_of_the_roles(staffed, figures, client):
    november_of(figures)
    person_of = person("dewi", "admin")
    client.force_login(person_of)
    for path in (
        "dashboard/",
        "dashboard/?range=24h",
        "dashboard/?range=own&first=2026-11-01&last=2026-11-30",
        "reports/?first=2026-11-01&last=2026-11-30",
        "reports/transactions/?first=2026-11-01&last=2026-11-30",
        "reports/transactions/2/",
        "keys/",
    ):
        text = whole(client.get(f"/account/{path}"))
    ticket = re.search(r'name="once" value="([^"]+)"', text)[1]
    made = {"once": ticket, "name": "till", "whose": "machine", "role": "report", "days": "30"}
    whole(client.post("/account/keys/", made), 201)
    whole(client.get("/account/keys/"))
    for path in ("reports/summary.csv", "reports/transactions.csv"):
        answer = client.get(f"/account/{path}?first=2026-11-01&last=2026-11-30")
        assert answer.status_code == 200
        assert b"1200000.50" in b"".join(answer.streaming_content)
    assert set(client.post("/account/staff-token/").json()) == {"token", "expires_at", "roles"}
    assert Client().post("/account/staff-token/").status_code == 401


def test_the_commands(staffed, bound, sespan, client, settings):
    client.post(REGISTER_URL, form())
    with lagging("auth", "sespan"):
        out = StringIO()
        call_command("sespan_prune_unverified", "--older-than", "2h", stdout=out)
        assert out.getvalue() == "0 deleted\n"
        execute("UPDATE sespan.otp_activation SET granted_at = granted_at - interval '3 hours'")
        call_command("sespan_prune_unverified", "--older-than", "2h", stdout=out)
        assert out.getvalue().endswith("1 deleted\n")
        call_command("sespan_compare_people", stdout=out)
        call_command("sespan_init", "--groups-only", stdout=out)
        call_command("sespan_init", "--groups-only", stdout=out)
    assert not User.objects.exists()


def test_a_mail_with_a_date(staffed):
    later = timezone.now() + timedelta(hours=2)
    mail = EmailMessage("s", "b", "shop@example.com", ["a@example.com"])
    mail.sespan = {"send_at": later}
    with lagging("sespan"):
        EmailBackend().send_messages([mail])
    ((apart,),) = execute(
        "SELECT extract(epoch FROM send_at - now())::int FROM sespan.mail_message"
    )
    assert abs(apart - 7200) < 10


def test_a_login_that_takes_another_role(bound, sespan, client):
    """`assume_role`, as where a pool's login may do nothing itself and inherits nothing."""
    sespan.on_verified = lambda pk: User.objects.filter(pk=pk).update(is_active=True)
    login, role = "bridge_settings_login", "bridge_settings_role"
    execute(f"CREATE ROLE {login} NOINHERIT")
    execute(f"CREATE ROLE {role}")
    execute(f"GRANT {role} TO {login}")
    for schema in ("public", "sespan"):
        execute(f"GRANT USAGE ON SCHEMA {schema} TO {role}")
        execute(f"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {schema} TO {role}")
    execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}")
    execute(f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {role}")
    execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA sespan TO {role}")
    execute(f"SET LOCAL SESSION AUTHORIZATION {login}")
    execute(f"SET LOCAL ROLE {role}")
    try:
        assert client.post(REGISTER_URL, form())["Location"] == CODE_URL
        assert User.objects.get().email == EMAIL
        assert client.post(CODE_URL, {"code": CODE})["Location"] == "/home/"
        EmailBackend().send_messages([EmailMessage("s", "b", "a@example.com", ["b@example.com"])])
    finally:
        execute("RESET SESSION AUTHORIZATION")
