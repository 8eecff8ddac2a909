"""Nobody learns from a form whether an address has an account, or in which state.

The one exception is a user name that is taken: it must be said, and it is.
"""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from django_sespan import errors
from registrants import (
    CODE_URL,
    EMAIL,
    LOGIN_URL,
    OTHER,
    PASSWORD,
    REGISTER_URL,
    RESEND_URL,
    RESUME_URL,
    STATES,
    bare,
    form,
    prepare,
)

pytestmark = pytest.mark.django_db(transaction=True)


def visit(steps):
    """What a visitor sees: each answer's status, way on and page."""
    browser, seen = Client(), []
    for step in steps:
        page = step(browser)
        seen.append((page.status_code, page.headers.get("Location"), bare(page)))
    return seen


def in_every_state(memory, steps, states=STATES):
    """Compare each state with the first one, page by page."""
    trails = {}
    for state in states:
        User.objects.all().delete()
        memory.reset()
        prepare(state)
        memory.advance(3600)
        trails[state] = visit(steps)
    first, *others = states
    for other in others:
        for number, (one, two) in enumerate(zip(trails[first], trails[other], strict=True)):
            assert one == two, f"step {number}: {first} and {other} differ"
    return trails[first]


WRONG = [lambda b: b.post(CODE_URL, {"code": "000000"})] * 6


def test_register_code_and_resend(memory):
    seen = in_every_state(
        memory,
        [
            lambda b: b.post(REGISTER_URL, form("fresh")),
            lambda b: b.get(CODE_URL),
            *WRONG,
            lambda b: b.get(CODE_URL),
            lambda b: b.post(RESEND_URL, follow=True),
            lambda b: b.post(CODE_URL, {"code": "000000"}),
        ],
    )
    assert seen[0][:2] == (302, CODE_URL)
    assert "4 tries" in seen[2][2]
    assert "Too many wrong codes" in seen[7][2]


def test_register_twice_and_in_two_spellings(memory):
    in_every_state(
        memory,
        [
            lambda b: b.post(REGISTER_URL, form("fresh")),
            lambda b: b.post(REGISTER_URL, form("fresh")),
            lambda b: b.get(CODE_URL),
            lambda b: b.post(REGISTER_URL, form("fresh", email=EMAIL.upper())),
            lambda b: b.get(CODE_URL),
        ],
    )


def test_register_again_with_another_password(memory):
    """It waits for its code, whether the one before was real or not."""
    elsewhere = Client()
    seen = in_every_state(
        memory,
        [
            lambda b: b.post(REGISTER_URL, form("fresh")),
            lambda b: b.post(REGISTER_URL, form("fresh", password=OTHER)),
            lambda b: b.get(CODE_URL),
            lambda b: b.post(CODE_URL, {"code": "000000"}),
            lambda b: b.post(REGISTER_URL, form("fresh", password=OTHER)),
            lambda b: b.get(CODE_URL),
            lambda b: elsewhere.post(REGISTER_URL, form("fresh", password=PASSWORD)),
            lambda b: elsewhere.get(CODE_URL),
        ],
    )
    for number in (2, 5, 7):
        assert "Please wait" in seen[number][2]


@pytest.mark.parametrize("url", [LOGIN_URL, RESUME_URL, "/own-login/"])
@pytest.mark.parametrize("login", ["fresh", EMAIL, EMAIL.upper()])
def test_an_unfinished_registration_can_be_resumed(memory, url, login):
    """Whoever has registered an address is taken to its code form, as if that had been real."""
    if url == RESUME_URL and login == "fresh":
        login = EMAIL
    elsewhere, wrong = Client(), Client()
    name = "email" if url == RESUME_URL else "username"
    seen = in_every_state(
        memory,
        [
            lambda b: b.post(REGISTER_URL, form("fresh")),
            lambda b: wrong.post(url, {name: login, "password": OTHER}),
            lambda b: elsewhere.post(url, {name: login, "password": PASSWORD}),
            lambda b: elsewhere.get(CODE_URL),
            lambda b: elsewhere.post(CODE_URL, {"code": "000000"}),
            lambda b: elsewhere.post(RESEND_URL, follow=True),
        ],
    )
    if url == "/own-login/":
        assert "not confirmed yet" in seen[2][2]
    else:
        assert seen[2][:2] == (302, CODE_URL)
        assert "4 tries" in seen[4][2]


def test_login_with_a_wrong_password(memory):
    in_every_state(
        memory,
        [
            lambda b: b.post(LOGIN_URL, {"username": "old", "password": "wrong"}),
            lambda b: b.post(LOGIN_URL, {"username": EMAIL, "password": "wrong"}),
        ],
    )


def test_resume_with_a_wrong_password(memory):
    seen = in_every_state(
        memory, [lambda b: b.post(RESUME_URL, {"email": EMAIL, "password": PASSWORD})]
    )
    assert "waits for a code" in seen[0][2]


@pytest.mark.parametrize("state", ["verified", "banned", "inactive"])
def test_resume_with_the_right_password_of_a_verified_account(memory, client, state):
    prepare(state)
    page = client.post(RESUME_URL, {"email": EMAIL, "password": "old password 7"})
    assert "waits for a code" in page.text
    assert client.get(CODE_URL)["Location"] == RESUME_URL


def test_password_reset(memory):
    seen = in_every_state(memory, [lambda b: b.post("/reset/", {"email": EMAIL})])
    assert seen[0][:2] == (302, "/reset/sent/")


@pytest.mark.parametrize("state", STATES)
def test_code_first(memory, state):
    """An unverified account does not count here: the proven address takes its place."""
    steps = [lambda b: b.post("/code-first/", form("fresh")), lambda b: b.get(CODE_URL), *WRONG]
    in_every_state(memory, steps, ["unknown", state])


def test_a_taken_user_name_is_an_error_for_every_address(memory, client):
    prepare("verified")
    for email in (EMAIL, "else@example.com"):
        page = client.post(REGISTER_URL, form("old", email=email))
        assert "already exists" in page.text


def test_when_the_service_is_away(memory):
    """Not even an outage tells."""

    def away(step):
        def act(browser):
            with memory.failing(errors.SespanUnavailable):
                return step(browser)

        return act

    in_every_state(
        memory,
        [
            away(lambda b: b.post(REGISTER_URL, form("fresh"))),
            lambda b: b.get(CODE_URL),
            away(lambda b: b.post(CODE_URL, {"code": "000000"})),
            away(lambda b: b.post(RESEND_URL, follow=True)),
            lambda b: b.post(RESEND_URL, follow=True),
            lambda b: b.post(CODE_URL, {"code": "000000"}),
        ],
    )


@pytest.fixture
def hashes(monkeypatch):
    """Count what a password costs: each hash takes a tenth of a second on a real site."""
    from django.contrib.auth.hashers import MD5PasswordHasher

    counted = []
    original = MD5PasswordHasher.encode

    def encode(self, password, salt, *args):
        counted.append(password)
        return original(self, password, salt, *args)

    monkeypatch.setattr(MD5PasswordHasher, "encode", encode)
    return counted


def forget_pretended():
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE sespan.pretended_registration")


def cost(step, sespan, hashes):
    forget_pretended()
    sespan.calls.clear()
    hashes.clear()
    with CaptureQueriesContext(connection) as queries:
        step(Client())
    calls = [path for _, path, _, _ in sespan.calls if path != "/v1/logins"]
    return (len(calls), len(hashes), len(queries))


@pytest.mark.parametrize(
    ("step", "calls", "hashed"),
    [
        (lambda b: b.post(REGISTER_URL, form("fresh")), 1, 2),
        (lambda b: b.post(LOGIN_URL, {"username": "old", "password": "wrong"}), 0, 2),
        (lambda b: b.post(LOGIN_URL, {"username": EMAIL, "password": "wrong"}), 0, 2),
        (lambda b: b.post(RESUME_URL, {"email": EMAIL, "password": "wrong"}), 0, 1),
        (lambda b: b.post("/code-first/", form("fresh")), 1, 1),
    ],
    ids=["register", "login by name", "login by address", "resume", "code first"],
)
def test_what_an_answer_costs(bound, sespan, hashes, step, calls, hashed):
    """The same calls and hashes for everybody, and nearly the same number of queries."""
    costs = {}
    for state in STATES:
        User.objects.all().delete()
        prepare(state)
        costs[state] = cost(step, sespan, hashes)
    assert {c[:2] for c in costs.values()} == {(calls, hashed)}, costs
    numbers = [c[2] for c in costs.values()]
    assert max(numbers) - min(numbers) <= 7, costs


def statements(act):
    """The statements of a request, but the one that undoes what was pretended."""
    with CaptureQueriesContext(connection) as queries:
        act()
    texts = [re.sub(r"'[^']*'|\d+|\"s\d+_x\d+\"", "…", query["sql"]) for query in queries]
    values = re.compile(r"(?:NULL|…)::bigint, (?:true|false)")  # whose it is, and whether pretended
    return [values.sub("…", text) for text in texts if "ROLLBACK TO" not in text]


@pytest.mark.parametrize("url", [REGISTER_URL, "/code-first/"])
def test_a_registration_runs_the_same_statements(bound, sespan, url):
    """Known and unknown, in the same order; of who was banned the right is looked at besides."""
    ran = {}
    for state in ("unknown", "unknown", "verified", "banned"):  # the first one fills what is kept
        User.objects.all().delete()
        forget_pretended()
        prepare(state)
        ran[state] = statements(lambda: Client().post(url, form("fresh")))
    assert len(ran["unknown"]) > 3
    assert ran["verified"] == ran["unknown"]
    of_right = [text for text in ran["banned"] if "otp_right" in text]
    assert len(of_right) <= 2
    assert [text for text in ran["banned"] if text not in of_right] == ran["unknown"]
