"""Rules of the site's own database that refuse a customer: what is taken, and whose fault it is."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from django_sespan._internal.flows.pending_code import SESSION_KEY
from django_sespan.adapter import Adapter
from fake import CODE
from registrants import CODE_URL, EMAIL, REGISTER_URL, bare, form

FIRST = "/code-first/"


def run(sql, *values):
    with connection.cursor() as cursor:
        cursor.execute(sql, values or None)


@pytest.fixture
def rule(db):
    """Makes a rule on the user table, in the transaction of the test."""

    def make(definition):
        run(f"ALTER TABLE auth_user ADD CONSTRAINT site_rule {definition}")

    return make


UNIQUE_ADDRESS = [
    "CREATE UNIQUE INDEX site_rule ON auth_user (email)",
    "CREATE UNIQUE INDEX site_rule ON auth_user (lower(email))",
    "CREATE UNIQUE INDEX site_rule ON auth_user (date_joined, email) WHERE email <> ''",
    "ALTER TABLE auth_user ADD CONSTRAINT site_rule EXCLUDE (email WITH =)",
]


class Hidden:
    """A manager that hides some users, as one of deleted ones does."""

    def __init__(self, monkeypatch):
        from django_sespan._internal import accounts

        original = accounts.with_email

        def with_email(email, *, hidden=False):
            return original(email) if hidden else original(email).none()

        for module in ("accounts", "flows.register", "flows.code_first"):
            monkeypatch.setattr(f"django_sespan._internal.{module}.with_email", with_email)


@pytest.mark.parametrize("definition", UNIQUE_ADDRESS[:2] + UNIQUE_ADDRESS[3:])
def test_an_address_that_only_the_database_knows(bound, client, monkeypatch, definition, caplog):
    """The same page as for an unknown one; what a visitor learns is nothing."""
    run(definition)
    User.objects.create_user("old", EMAIL, "x", is_active=True)
    stranger = Client()
    stranger.post(REGISTER_URL, form("siti", "bima@example.com"))
    Hidden(monkeypatch)
    assert client.post(REGISTER_URL, form())["Location"] == CODE_URL
    pages = [bare(browser.get(CODE_URL)) for browser in (client, stranger)]
    assert pages[0] == pages[1]
    page = client.post(CODE_URL, {"code": CODE})
    assert "That is not the code" in page.text
    assert User.objects.filter(email=EMAIL).count() == 1
    assert EMAIL not in caplog.text


def test_the_rule_of_an_address_may_have_other_columns(bound):
    from django.db import IntegrityError, transaction

    from django_sespan._internal.violations import violation

    run(UNIQUE_ADDRESS[2])
    user = User.objects.create_user("old", EMAIL, "x")
    with pytest.raises(IntegrityError) as raised, transaction.atomic():
        User.objects.create(username="new", email=EMAIL, date_joined=user.date_joined)
    found = violation(raised.value)
    assert found.columns("default") == {"date_joined", "email"}
    assert found.names(EMAIL)
    assert not found.names("budi@example.co")
    assert EMAIL not in f"{found} {found!r}"


def test_a_name_that_only_the_database_knows(bound, client, monkeypatch):
    User.objects.create_user("budi", "else@example.com", "x")
    monkeypatch.setattr("django_sespan.forms.RegisterForm.validate_unique", lambda self: None)
    page = client.post(REGISTER_URL, form())
    assert page.status_code == 200
    assert page.context["form"].errors["username"] == ["A user with that username already exists."]


def test_an_exclusion_counts_as_taken(bound, client, rule):
    rule("EXCLUDE (last_name WITH =)")
    User.objects.create_user("old", "old@example.com", "x")
    page = client.post(REGISTER_URL, form())
    assert page.status_code == 200
    assert "taken already" in page.text


@pytest.mark.parametrize(
    ("definition", "state"),
    [
        ("CHECK (email = 'else@example.com')", "23514"),
        ("CHECK (length(username) > 90)", "23514"),
        ("FOREIGN KEY (first_name) REFERENCES auth_group (name)", "23503"),
    ],
)
@pytest.mark.parametrize("url", [REGISTER_URL, FIRST])
def test_any_other_rule_is_a_fault_of_the_site(
    memory, transactional, client, definition, state, url, caplog
):
    run(f"ALTER TABLE auth_user ADD CONSTRAINT site_rule {definition}")
    page = client.post(url, form())
    if url == FIRST:
        page = client.post(CODE_URL, {"code": memory.code()})
        assert "the registration was not finished" in page.text
    else:
        assert page.status_code == 503
        assert SESSION_KEY not in client.session
    assert f"SQLSTATE {state} by site_rule of the table auth_user" in caplog.text
    assert "taken already" not in page.text
    for secret in (EMAIL, "Failing row", "md5$"):
        assert secret not in caplog.text
    assert not User.objects.exists()


@pytest.fixture
def transactional(db):
    yield
    run("ALTER TABLE auth_user DROP CONSTRAINT IF EXISTS site_rule")


TELLS_ALL = """
CREATE FUNCTION public.site_rule() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'no' USING DETAIL = 'Failing row contains ' || NEW::text;
END $$"""
"""A trigger whose refusal shows the row."""


@pytest.fixture
def tells_all(transactional):
    """Makes it refuse what the site does to its users."""
    run(TELLS_ALL)

    def when(event):
        run(
            f"CREATE TRIGGER site_rule BEFORE {event} ON auth_user"
            " FOR EACH ROW EXECUTE FUNCTION public.site_rule()"
        )

    yield when
    run("DROP FUNCTION public.site_rule() CASCADE")


def tells_nothing(caplog, *pages):
    texts = [caplog.text, *(page.text for page in pages)]
    for secret in (EMAIL, "Failing row", "md5$"):
        assert not any(secret in text for text in texts)


@pytest.mark.parametrize("url", [REGISTER_URL, FIRST])
def test_a_trigger_that_refuses_is_a_fault_of_the_site(memory, tells_all, client, url, caplog):
    tells_all("INSERT")
    page = client.post(url, form())
    if url == FIRST:
        page = client.post(CODE_URL, {"code": memory.code()})
        assert "the registration was not finished" in page.text
    else:
        assert page.status_code == 503
    assert "SQLSTATE P0001 by the function " in caplog.text
    assert "site_rule of the table" not in caplog.text
    texts = caplog.text
    assert "Failing row" not in texts
    assert "md5$" not in texts
    assert not User.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("rule", ["trigger", "CHECK (last_login IS NULL)"])
def test_a_login_that_the_database_refuses_shows_no_row(memory, tells_all, client, rule, caplog):
    """Django's own error then, as in its own login: without the row in logs and error mails."""
    client.post(REGISTER_URL, form())
    client.raise_request_exception = False
    if rule == "trigger":
        tells_all("UPDATE OF last_login")
    else:
        run(f"ALTER TABLE auth_user ADD CONSTRAINT site_rule {rule}")
    page = client.post(CODE_URL, {"code": memory.code()})
    assert page.status_code == 500
    assert f"Internal Server Error: {CODE_URL}" in caplog.text
    tells_nothing(caplog, page)
    assert "_auth_user_id" not in client.session


class RefusedLater(Adapter):
    """Fills a column of the site's that its database refuses."""

    def on_verified(self, request, user, purpose):
        user.first_name = "verified"
        user.save()


@pytest.mark.django_db(transaction=True)
def test_what_the_adapter_raises_is_logged_without_a_row(memory, transactional, settings, caplog):
    run("ALTER TABLE auth_user ADD CONSTRAINT site_rule CHECK (first_name <> 'verified')")
    settings.SESPAN = {**settings.SESPAN, "ADAPTER": "test_database_rules.RefusedLater"}
    browser = Client()
    browser.post(REGISTER_URL, form())
    page = browser.post(CODE_URL, {"code": memory.code()})
    assert page["Location"] == "/home/"
    assert "The adapter's on_verified failed" in caplog.text
    assert "site_rule" in caplog.text
    tells_nothing(caplog, page)


def test_a_column_that_nobody_fills(bound, client, caplog):
    run("ALTER TABLE auth_user ADD COLUMN shop_id bigint NOT NULL")
    assert client.post(REGISTER_URL, form()).status_code == 503
    assert "SQLSTATE 23502 by NOT NULL of shop_id of the table auth_user" in caplog.text
    assert EMAIL not in caplog.text


class AddsARow(Adapter):
    """Adds a profile each time, where it should update_or_create."""

    def save_user(self, request, form, user):
        super().save_user(request, form, user)
        run("INSERT INTO site_profile (user_id) VALUES (%s)", user.pk)


def test_save_user_runs_again_for_a_registration_that_is_replaced(bound, client, settings, caplog):
    run("CREATE TABLE site_profile (user_id bigint UNIQUE)")
    settings.SESPAN = {**settings.SESPAN, "ADAPTER": "test_database_rules.AddsARow"}
    assert client.post(REGISTER_URL, form())["Location"] == CODE_URL
    page = client.post(REGISTER_URL, form("siti"))
    assert page.status_code == 503
    assert "taken already" not in page.text
    assert "let it update_or_create" in caplog.text
    assert User.objects.get().username == "budi"


class SmallLetters(type(User.objects)):
    """A manager with a rule of its own for addresses."""

    @classmethod
    def normalize_email(cls, email):
        return super().normalize_email(email).replace("+shop", "").lower()


def test_the_managers_own_normalize_email(bound, client, monkeypatch):
    """An address is looked for as it is saved: this one has an account."""
    User.objects.create_user("old", EMAIL, "x")
    monkeypatch.setattr(User._default_manager, "__class__", SmallLetters)
    assert client.post(REGISTER_URL, form(email="Budi+shop@Example.com"))["Location"] == CODE_URL
    assert User.objects.get().username == "old"
