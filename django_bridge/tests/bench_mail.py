"""`pytest tests/bench_mail.py -s`: mails that a site queues in a second: one by one, in one call.

Each in the site's own transaction, as ATOMIC_REQUESTS has it; alternating, medians.
"""

from __future__ import annotations

import statistics
import sys
import time

import pytest
from django.core.mail import EmailMultiAlternatives
from django.db import transaction

from django_sespan.mail import EmailBackend

MAILS, ROUNDS = 500, 5
TEXT = "Your order is on its way.\n" * 60


def messages():
    for n in range(MAILS):
        made = EmailMultiAlternatives("Order", TEXT, "Shop <shop@example.com>", [f"a{n}@b.co"])
        made.attach_alternative(f"<p>{TEXT}</p>", "text/html")
        yield made


def one_by_one():
    for made in messages():
        assert EmailBackend().send_messages([made]) == 1


def in_one_call():
    assert EmailBackend().send_messages(list(messages())) == MAILS


@pytest.mark.django_db(transaction=True)
def test_enqueue():
    took = {one_by_one: [], in_one_call: []}
    for _ in range(ROUNDS):
        for way, found in took.items():
            began = time.perf_counter()
            with transaction.atomic():
                way()
            found.append(time.perf_counter() - began)
    rates = {way.__name__: MAILS / statistics.median(found) for way, found in took.items()}
    for name, rate in rates.items():
        sys.stdout.write(f"\n{name:12} {rate:7.0f} mails/s")
    ratio = rates["in_one_call"] / rates["one_by_one"]
    sys.stdout.write(f"\nin one call: {ratio:.1f} times as many\n")
    assert ratio > 1.5
