"""The page Help for customers: why no mail arrives, and what lets a customer in."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client

from django_sespan._internal import mistyped
from django_sespan._internal.registrations import Registrations
from fake import problem
from people import person
from queued_mails import execute
from registrants import CODE_URL, EMAIL, PASSWORD, REGISTER_URL, form

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("bound")]

LIST = "/admin/sespan/customerhelp/"
SURE = {"deed": "activate", "activate-checked": "on"}
NEW = "budi.santoso@example.org"


@pytest.fixture
def clerk(client):
    """Somebody of the staff who helps customers, and has no role beside."""
    user = person("clara", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="help_customer"))
    client.force_login(user)
    return client


@pytest.fixture
def customer(sespan):
    """A customer who waits for the code, in a browser of their own."""
    browser = Client()
    browser.post(REGISTER_URL, form())
    found = User.objects.get(username="budi")
    found.browser = browser
    yield found
    execute("DELETE FROM sespan.mail_suppression")


def page(user):
    return f"{LIST}{user.pk}/change/"


def said(answer):
    return [str(message) for message in answer.context["messages"]]


def do(clerk, user, **values):
    return said(clerk.post(page(user), values, follow=True))


def audit(action):
    return execute(
        "SELECT actor, subject, subject_id, before, after FROM sespan.audit"
        f" WHERE action = '{action}' AND subject <> 'user' ORDER BY audit_id"
    )


def spend(times, email=EMAIL, scope="mails_address"):
    for _ in range(times):
        execute("SELECT sespan.budget_lock('mails', %s, false, NULL)", [email])
        execute("SELECT sespan.budget_spend('mails', %s, false, NULL)", [email])


def code(user, status="pending", minutes=10, mail=True):
    """A code as the service makes it, with its sealed mail."""
    execute(
        "WITH c AS (INSERT INTO sespan.otp_challenge (challenge_id, customer_id, budget_key,"
        " address_key, known_browser, sent_at, valid_until, decoy, purpose, status, locale, email)"
        " VALUES (gen_random_uuid(), %s, sespan.otp_budget_key(%s, 'registration', false), %s,"
        " false, now(), now() + make_interval(mins => %s), false, 'registration', %s, 'en', %s)"
        " RETURNING *) INSERT INTO sespan.otp (customer_id, challenge_id, created_at, valid_until,"
        " purpose, status, email, key_id, otp_number, message_id) SELECT customer_id, challenge_id,"
        " now() - interval '1 minute', valid_until, purpose, status, email, '1',"
        " sha256('x'), CASE WHEN %s THEN sespan.mail_enqueue(recipient => email,"
        " subject => 'Your code', body_text => 'SECRET-CODE') END FROM c RETURNING message_id",
        [user.pk, user.email, user.email, minutes, status, user.email, mail],
    )


class TestWhoMay:
    def test_the_role_and_the_permission(self, client, customer):
        for who in (person("none", is_staff=True), person("report", "report", is_staff=True)):
            client.force_login(who)
            for address in (LIST, page(customer)):
                assert client.get(address).status_code == 403
            assert client.post(page(customer), SURE).status_code == 403
        customer.refresh_from_db()
        assert not customer.is_active

    def test_nobody_logged_in(self, customer):
        answer = Client().post(page(customer), SURE)
        assert (answer.status_code, "login" in answer["Location"]) == (302, True)

    def test_a_foreign_form(self, clerk, customer):
        browser = Client(enforce_csrf_checks=True)
        browser.cookies = clerk.cookies
        assert browser.post(page(customer), SURE).status_code == 403
        assert clerk.get(page(customer), SURE).status_code == 200, "a GET does nothing"
        customer.refresh_from_db()
        assert not customer.is_active

    @pytest.mark.parametrize("key", ["0", "x", "%00", "9" * 40, "-1", "1/2", "1.5"])
    def test_nobody_has_this_key(self, clerk, key):
        assert clerk.get(f"{LIST}{key}/change/").status_code == 404


class TestLooking:
    @pytest.mark.parametrize("term", [EMAIL, " BUDI@Example.COM ", "budi"])
    def test_one_is_gone_to_at_once(self, clerk, customer, term):
        assert clerk.get(LIST, {"q": term})["Location"] == page(customer)

    def test_by_number(self, clerk, customer):
        assert clerk.get(LIST, {"q": str(customer.pk)})["Location"] == page(customer)

    @pytest.mark.parametrize("term", ["", "nobody", "\x00", "9" * 30, "'", "a" * 300])
    def test_nobody_is_found(self, clerk, customer, term):
        assert clerk.get(LIST, {"q": term}).status_code == 200

    def test_several(self, clerk, customer):
        person("budiman")
        text = clerk.get(LIST, {"q": "bud"}).text
        assert "budiman" in text
        assert EMAIL in text


class TestWhy:
    def test_all_is_well(self, clerk, customer):
        code(customer)
        text = clerk.get(page(customer)).text
        assert "waits for its first code" in text
        assert "is valid until" in text
        assert "It is the next to be sent. No worker is running." in text
        assert "SECRET-CODE" not in text
        assert audit("read")[-1][:3] == ("clara", "customer", str(customer.pk))

    def test_what_holds_it_back(self, clerk, customer):
        execute("SELECT sespan.mail_suppress(%s, detail => '550 no such user')", [EMAIL])
        spend(5)
        text = clerk.get(page(customer)).text
        assert "Nothing is sent to this address since" in text
        assert "550 no such user" in text
        assert re.search(r"has had 5 mails in an hour, .* in (59|60) minutes", text)

    def test_an_address_that_leads_nowhere(self, clerk, customer):
        User.objects.filter(pk=customer.pk).update(email="budi@gmial.com")
        assert "Ask whether budi@gmail.com is meant" in clerk.get(page(customer)).text
        User.objects.filter(pk=customer.pk).update(email="budi@shop.invalid")
        assert "No mail can go to shop.invalid" in clerk.get(page(customer)).text
        User.objects.filter(pk=customer.pk).update(email="")
        assert "has no e-mail address" in clerk.get(page(customer)).text

    def test_a_closed_account(self, clerk, customer):
        execute("SELECT sespan.otp_revoke(%s)", [customer.pk])
        text = clerk.get(page(customer)).text
        assert "was closed" in text
        assert "is active" not in text
        assert do(clerk, customer, **SURE)[0].startswith("The account was closed")
        assert do(clerk, customer, deed="send") == ["The account does not wait for a code."]
        customer.refresh_from_db()
        assert not customer.is_active

    def test_a_mistyped_domain(self):
        for typed, meant in {
            "a@gmial.com": "a@gmail.com",
            "a@gmail.con": "a@gmail.com",
            "a@yaho.co.id": "a@yahoo.co.id",
            "a@shop.con": "a@shop.com",
            "a@mail.com": "",
            "a@gmail.com": "",
            "a@kopi-gayo.id": "",
            "nonsense": "",
        }.items():
            assert mistyped.suggestion(typed) == meant


class TestPage:
    def test_a_word_says_how_grave_a_remark_is(self, clerk, customer):
        execute("SELECT sespan.mail_suppress(%s)", [EMAIL])
        found = clerk.get(page(customer)).context["remarks"]
        assert [f.word for f in found] == ["Cause", "To know", "To know"]

    def test_no_code_is_sent_where_none_would_arrive(self, clerk, customer):
        button = '<button class="button" disabled>Send a new code'
        assert button not in clerk.get(page(customer)).text
        spend(1)
        shown = clerk.get(page(customer)).text
        assert button in shown
        assert "First allow mails and tries again" in shown
        execute("SELECT sespan.mail_suppress(%s)", [EMAIL])
        shown = clerk.get(page(customer)).text
        assert button in shown
        assert "First write to the address again" in shown

    def test_what_may_be_meant_stands_in_the_form(self, clerk, customer):
        User.objects.filter(pk=customer.pk).update(email="budi@gmial.com")
        form = clerk.get(page(customer)).context["address_form"]
        assert form.initial["email"] == "budi@gmail.com"


class TestDeeds:
    def test_budgets(self, clerk, customer):
        spend(5)
        execute(
            "INSERT INTO sespan.otp_budget (budget_key, wrong_at) VALUES"
            " (sespan.otp_budget_key(%s, 'registration', false), ARRAY[now(), now()])"
            " ON CONFLICT (budget_key) DO UPDATE SET wrong_at = EXCLUDED.wrong_at",
            [EMAIL],
        )
        assert do(clerk, customer, deed="reset") == ["The address may have mails and tries again."]
        assert do(clerk, customer, deed="reset") == ["Nothing was used up."]
        free = execute("SELECT sespan.budget_wait('mails', %s) = interval '0'", [EMAIL])
        assert free == [(True,)]
        assert audit("reset")[-1][:3] == ("clara", "customer", str(customer.pk))

    def test_a_suppression(self, clerk, customer):
        execute("SELECT sespan.mail_suppress(%s)", [EMAIL])
        execute("SELECT sespan.mail_suppress(%s, scope => 'bulk')", [EMAIL])
        assert do(clerk, customer, deed="lift") == ["The address is written to again."]
        assert do(clerk, customer, deed="lift") == ["Codes are not held back from this address."]
        assert execute("SELECT scope FROM sespan.mail_suppression") == [("bulk",)]
        assert audit("unsuppress")[-1][:2] == ("clara", "address")

    def test_a_new_code(self, clerk, customer, sespan):
        assert do(clerk, customer, deed="send")[0].startswith("A new code is on its way.")
        asked = sespan.calls[-1][2]
        assert (asked["purpose"], asked["customer_id"]) == ("registration", str(customer.pk))
        assert audit("send")[-1][:3] == ("clara", "code", str(customer.pk))
        sespan.fail = [problem(429, "otp-too-soon", {"Retry-After": "120"})]
        assert "for 2 minutes" in do(clerk, customer, deed="send")[0]
        sespan.fail = [problem(503, "unavailable")] * 3
        assert "no answer" in do(clerk, customer, deed="send")[0]

    def test_letting_in(self, clerk, customer):
        code(customer)
        assert "Make sure first" in clerk.post(page(customer), {"deed": "activate"}).text
        assert do(clerk, customer, **SURE)[0].startswith("The customer is let in")
        customer.refresh_from_db()
        assert customer.is_active
        assert Registrations().right(customer) == "ended", "a ban that comes later holds"
        assert execute("SELECT status FROM sespan.otp") == [("superseded",)]
        assert do(clerk, customer, **SURE) == ["The account is active already."]
        assert audit("update")[-1][:3] == ("clara", "customer", str(customer.pk))
        assert Client().login(username="budi", password=PASSWORD)

    def test_another_address(self, clerk, customer):
        code(customer)
        wish = {"deed": "correct", "email": NEW.upper(), "was": EMAIL, "checked": "on"}
        assert "Make sure first" in clerk.post(page(customer), {**wish, "checked": ""}).text
        assert do(clerk, customer, **wish)[0].startswith("The address is corrected")
        customer.refresh_from_db()
        assert customer.email == "BUDI.SANTOSO@example.org"
        assert execute("SELECT status FROM sespan.otp") == [("superseded",)]
        assert execute("SELECT state FROM sespan.mail_outcome") == [("cancelled",)]
        actor, *_, before, after = audit("update")[-1]
        assert actor == "clara"
        assert "budi" not in f"{before}{after}", "no address stands in the audit"
        assert do(clerk, customer, **wish) == ["The account was changed meanwhile. Look again."]
        assert "went to the address that the account had before" in clerk.get(page(customer)).text
        assert customer.browser.get(CODE_URL).status_code == 200, "the registration goes on"

    @pytest.mark.parametrize(
        ("email", "why"),
        [
            ("nonsense", "This is no e-mail address."),
            ("a@b@", "This is no e-mail address."),
            (EMAIL, "That is the address already."),
            ("Clara@EXAMPLE.com", "Another account has this address."),
            (f"{'x' * 250}@example.com", "254"),
        ],
    )
    def test_an_address_that_is_refused(self, clerk, customer, email, why):
        wish = {"deed": "correct", "email": email, "was": EMAIL, "checked": "on"}
        before = audit("update")  # nobody takes a row of it away, between tests neither
        assert why in clerk.post(page(customer), wish, follow=True).text
        customer.refresh_from_db()
        assert customer.email == EMAIL
        assert audit("update") == before

    def test_who_was_let_in_before(self, clerk, customer):
        """Whoever can change an address can have the account: that right is the site's to give."""
        customer.is_active = True
        customer.save()
        wish = {"deed": "correct", "email": NEW, "was": EMAIL, "checked": "on"}
        assert "was let in before" in do(clerk, customer, **wish)[0]
        User.objects.get(username="clara").user_permissions.add(
            Permission.objects.get(codename="change_user")
        )
        assert do(clerk, customer, **wish)[0].startswith("The address is corrected")

    def test_people_of_the_staff(self, clerk, customer):
        User.objects.filter(pk=customer.pk).update(is_staff=True)
        wish = {"deed": "correct", "email": NEW, "was": EMAIL, "checked": "on"}
        assert "somebody of the staff" in do(clerk, customer, **wish)[0]
        assert "somebody of the staff" in do(clerk, customer, **SURE)[0]

    @pytest.mark.parametrize("deed", ["", "delete", "reset'"])
    def test_nonsense(self, clerk, customer, deed):
        assert do(clerk, customer, deed=deed) == []

    def test_a_row_that_is_held(self, clerk, customer):
        """Somebody else is at work on the customer: the clerk is told, and waits for seconds."""
        other = connection.copy()
        try:
            other.set_autocommit(False)
            with other.cursor() as cursor:
                cursor.execute("SELECT FROM auth_user WHERE id = %s FOR UPDATE", [customer.pk])
                answer = do(clerk, customer, **SURE)
            assert answer == ["The database did not take it just now. Try again."]
        finally:
            other.rollback()
            other.close()
