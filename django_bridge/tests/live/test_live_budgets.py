"""What strangers may cause holds over two processes of the service and all forms of the site."""

from __future__ import annotations

import itertools
import threading

import httpx
import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client

from live.test_live import PASSWORD

pytestmark = pytest.mark.usefixtures("own_backend")

AT_ONCE = 24
VISITOR = "2001:db8:9::1"
numbers = itertools.count(1)


@pytest.fixture
def other(stack):
    with stack.another_service() as url:
        yield url


@pytest.fixture
def budgets(stack):
    """Nothing is used up before, nor left for the next test."""
    tables = "TRUNCATE sespan.budget, sespan.budget_site"
    stack.rows(tables)
    yield
    stack.rows(tables)


def at_once(calls):
    """Make the calls in threads that begin together, and give what they return."""
    barrier, results = threading.Barrier(len(calls)), []

    def run(call):
        barrier.wait(30)
        try:
            results.append(call())
        except Exception as exc:  # noqa: BLE001
            results.append(exc)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[call]) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return results


def service(stack, url, body, visitor=VISITOR):
    """Ask a process for a code, as the site does."""
    key = stack.key_file.read_text().strip()
    headers = {"Authorization": f"Bearer {key}", "Sespan-Client-Ip": visitor}
    return httpx.post(f"{url}/v1/otp", json=body, headers=headers, timeout=60).status_code


def browser(path, form):
    return Client(REMOTE_ADDR=VISITOR).post(path, form).status_code


def register(path, email):
    name = f"form{next(numbers)}"
    form = {"username": name, "email": email, "password1": PASSWORD, "password2": PASSWORD}
    return lambda: browser(path, form)


def forms(stack, urls, email):
    """Every way to have a mail sent to an address, over each process where it goes over one."""
    for url in urls:
        for purpose in ("login", "registration"):
            body = {"email": email, "purpose": purpose}
            yield lambda url=url, body=body: service(stack, url, body)
        body = {"email": email, "purpose": "registration", "data": {"n": next(numbers)}}
        yield lambda url=url, body=body: service(stack, url, body)
    yield register("/account/register/", email)
    yield register("/code-first/", email)
    yield lambda: browser("/reset/", {"email": email})


def queued(stack):
    return stack.rows("SELECT count(*) FROM sespan.mail_message")[0][0]


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
def test_one_mail_a_minute_to_an_address(stack, other, budgets, known):
    email = f"target{next(numbers)}@example.com"
    if known:
        User.objects.create_user(f"target{next(numbers)}", email, PASSWORD)
    spellings = [email, email.upper(), "\uff54" + email[1:], email.replace("@e", "@\uff45")]
    before = queued(stack)
    calls = [c for s in spellings for c in forms(stack, (stack.url, other), s)][:AT_ONCE]
    answers = at_once(calls)
    assert set(answers) <= {200, 202, 302, 429}, answers
    assert stack.rows("SELECT sum(used) FROM sespan.budget_site") == [(1,)]
    assert queued(stack) <= before + 1


def test_twenty_mails_a_minute_from_a_visitor(stack, other, budgets):
    before = queued(stack)
    addresses = [f"many{next(numbers)}@example.com" for _ in range(2 * AT_ONCE)]
    calls = [
        lambda n=n, e=e: service(
            stack,
            (stack.url, other)[n % 2],
            {"email": e, "purpose": "registration"},
            f"2001:db8:9::{n:x}",
        )
        for n, e in enumerate(addresses)
    ]
    answers = at_once(calls)
    assert (answers.count(202), answers.count(429)) == (20, len(calls) - 20)
    assert queued(stack) == before + 20
