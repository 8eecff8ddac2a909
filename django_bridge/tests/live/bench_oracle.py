"""`make bench-oracle`: how well the time of an answer tells who has an account.

Of each form and call samples of known and unknown addresses take turns, each address once, and the
AUC is printed: the probability that a known one took longer (0.5: the time tells nothing;
below 0.5 the unknown one does). The aim is 0.60 at most, either way. Real service, real
PostgreSQL; the mail worker is off, because what it sends comes after the answer.
Not collected by `pytest tests`.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import time

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from django_sespan import errors
from django_sespan.client import get_client

pytestmark = pytest.mark.django_db(transaction=True)

SAMPLES = int(os.environ.get("SESPAN_BENCH_SAMPLES", "1000"))
ONLY = os.environ.get("SESPAN_BENCH_ONLY", "")
WARM = 60
AIM = 0.60
PASSWORD = "correct horse 9"


@pytest.fixture(autouse=True)
def no_worker(stack, site):
    stack.stop_service()
    os.environ["SESPAN_RUN"] = "api,maintenance"
    try:
        stack.start_service()
        yield
    finally:
        del os.environ["SESPAN_RUN"]
        stack.stop_service()
        stack.start_service()


def register(url, email, number):
    data = {"username": f"n{number}", "email": email, "password1": PASSWORD, "password2": PASSWORD}
    return lambda browser: browser.post(url, data)


def code_call(email, number):
    return lambda _: get_client().otp_create(purpose="login", email=email)


def notice_call(email, number):
    return lambda _: get_client().otp_create(purpose="registration", email=email)


def resend(email, number):
    """The challenge is made before, and its minute is over."""
    challenge = get_client().otp_create(purpose="login", email=email)
    return lambda _: get_client().otp_resend(challenge.challenge_id)


def reset(email, number):
    return lambda browser: browser.post("/reset/", {"email": email})


def resume(email, number):
    return lambda browser: browser.post(
        "/account/code/resume/", {"email": email, "password": "wrong"}
    )


def login(email, number):
    return lambda browser: browser.post("/sespan-login/", {"username": email, "password": "wrong"})


PROBES = {
    "call: code to log in, by address": code_call,
    "call: registration, by address": notice_call,
    "call: resend": resend,
    "form: registration": lambda email, n: register("/account/register/", email, n),
    "form: registration, code first": lambda email, n: register("/code-first/", email, n),
    "form: password reset": reset,
    "form: resume, wrong password": resume,
    "form: login, wrong password": login,
}


def clear(stack):
    stack.rows("TRUNCATE sespan.budget, sespan.otp_budget, sespan.otp_challenge, sespan.otp")


def people(count):
    User.objects.all().delete()
    hashed = make_password("old password 7")
    User.objects.bulk_create(
        User(username=f"known{n}", email=f"k{n:06d}@example.com", password=hashed)
        for n in range(count)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def older(stack):
    by = "interval '61 seconds'"
    stack.rows(f"UPDATE sespan.otp_challenge SET sent_at = sent_at - {by}")
    stack.rows(
        f"UPDATE sespan.budget SET used_at = ARRAY(SELECT u - {by} FROM unnest(used_at) AS u)"
    )


def test_auc(stack):
    draw, above = random.Random(7), []
    say(f"\n{SAMPLES} samples each; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    say(f"{'':36}{'AUC':>6}{'known':>9}{'unknown':>9}  median ms")
    for name, probe in PROBES.items():
        if ONLY not in name:
            continue
        clear(stack)
        people(SAMPLES + WARM)
        took = {True: [], False: []}
        pairs = [
            {
                known: probe(f"{'k' if known else 'u'}{n:06d}@example.com", f"{n}{known:d}")
                for known in (True, False)
            }
            for n in range(SAMPLES + WARM)
        ]
        older(stack)
        for n, pair in enumerate(pairs):
            for known in draw.sample([True, False], 2):
                seconds = measure(pair[known])
                if n >= WARM:
                    took[known].append(seconds)
        found = auc(took[True], took[False])
        middle = [statistics.median(took[known]) * 1000 for known in (True, False)]
        say(f"{name:36}{found:6.2f}{middle[0]:9.2f}{middle[1]:9.2f}")
        if max(found, 1 - found) > AIM:
            above.append(name)
    say("above 0.60: " + (", ".join(above) or "none"))


def measure(act):
    browser = Client()
    began = time.perf_counter()
    try:
        act(browser)
    except errors.SespanError as exc:
        raise AssertionError(f"a sample was refused: {exc}") from exc
    return time.perf_counter() - began


def auc(known, unknown):
    """The probability that one of the first is greater than one of the second (Mann-Whitney)."""
    ranked = sorted([(value, True) for value in known] + [(value, False) for value in unknown])
    ranks = sum(rank for rank, (_, first) in enumerate(ranked, 1) if first)
    return (ranks - len(known) * (len(known) + 1) / 2) / (len(known) * len(unknown))


def say(line):
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
