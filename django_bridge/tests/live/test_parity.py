"""Sespan in memory answers as the service does: each story is observed to both and compared."""

from __future__ import annotations

import itertools
import re
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.db import transaction

from django_sespan import errors
from django_sespan._internal.runtime import runtime
from django_sespan.client import get_client
from django_sespan.testing import current

pytestmark = pytest.mark.django_db(transaction=True)

numbers = itertools.count(1)


class Side:
    """One of the two: its client, its users, and where its codes arrive."""

    def __init__(self, sink=None):
        self.client, self.sink, self.name = get_client(), sink, f"parity{next(numbers)}"
        self.observed = []

    def user(self, suffix="", **options):
        name = self.name + suffix
        return User.objects.create_user(name, f"{name}@example.com", "x", **options)

    def newcomer(self, suffix=""):
        """A customer who may be activated, as a registration makes one."""
        with transaction.atomic():
            user = self.user(suffix, is_active=False)
            self.observed.append(runtime.registrations.register(user))
        return user

    def code(self, user, count=1):
        if self.sink is None:
            sent = [sent for sent in current().outbox if sent.email == user.email]
            return sent[count - 1].code
        mail = self.sink.wait(user.email, count).message.get_body(("plain",)).get_content()
        return re.search(r"^\s*(\d{6})\s*$", mail, re.MULTILINE).group(1)

    def wrong(self, user):
        return f"{(int(self.code(user)) + 1) % 10**6:06d}"

    def mails(self, user):
        """Only meant after something later arrived; who is sent nothing has no signal."""
        if self.sink is None:
            sent = [*current().outbox, *current().notices]
            return len([mail for mail in sent if mail.email == user.email])
        return len(self.sink.to(user.email))

    def observe(self, call, *arguments, **options):
        """Call, and write down what came of it but ids and times; give the answer."""
        try:
            answer = call(*arguments, **options)
        except errors.SespanError as exc:
            left = exc.members.get("attempts_left")
            self.observed.append(
                (type(exc).__name__, exc.status, left, exc.retry_after is not None)
            )
            return None
        names = ("status", "purpose", "attempts_left", "discounted", "created")
        self.observed.append({name: getattr(answer, name, None) for name in names})
        return answer

    def register(self, user, **options):
        create = self.client.otp_create
        return self.observe(create, purpose="registration", customer_id=user.pk, **options)


def right_code(side):
    user = side.newcomer()
    challenge = side.register(user).challenge_id
    side.observe(side.client.otp_status, challenge)
    side.observe(side.client.otp_verify, challenge, side.code(user))
    user.refresh_from_db()
    side.observed.append(user.is_active)
    side.observe(side.client.otp_verify, challenge, side.code(user))
    side.observe(side.client.otp_resend, challenge)
    side.observe(side.client.otp_status, challenge)


def five_wrong_codes(side):
    user = side.newcomer()
    challenge = side.register(user).challenge_id
    for _ in range(5):
        side.observe(side.client.otp_verify, challenge, side.wrong(user))
    side.observe(side.client.otp_verify, challenge, side.code(user))
    side.observe(side.client.otp_resend, challenge)
    side.observe(side.client.otp_status, challenge)
    side.register(user)


def asking_twice(side):
    user = side.newcomer()
    first = side.register(user)
    again = side.register(user, resume=True)
    side.observed.append(again.challenge_id == first.challenge_id)
    side.observed.append(again.email == f"p***@{user.email.partition('@')[2]}")
    side.observe(side.client.otp_resend, first.challenge_id)
    side.observe(side.client.otp_verify, first.challenge_id, "12345")


def nobody(side):
    unknown = "5b4d7f5e-3c7e-4c93-8a3c-1f6ad2b7a001"
    side.observe(side.client.otp_create, purpose="login", customer_id=2**40)
    side.observe(side.client.otp_resend, unknown)
    side.observe(side.client.otp_status, unknown)
    side.observe(side.client.otp_verify, unknown, "123456")
    side.observe(side.client.otp_create, purpose="login")
    address = f"{side.name}@example.net"
    challenge = side.observe(side.client.otp_create, purpose="login", email=address)
    side.observed.append(challenge.email)
    side.observe(side.client.otp_verify, challenge.challenge_id, "123456")


def without_the_right(side):
    user = side.user(is_active=False)
    challenge = side.register(user).challenge_id
    side.observe(side.client.otp_verify, challenge, "123456")
    other = side.user("login", is_active=False)
    side.observe(side.client.otp_create, purpose="login", customer_id=other.pk)
    side.observed.append((side.mails(user), side.mails(other)))


def a_known_address(side):
    user = side.user()
    challenge = side.register(user).challenge_id
    side.observe(side.client.otp_verify, challenge, "123456")
    if side.sink is not None:
        side.sink.wait(user.email)
    side.observed.append(side.mails(user))


def code_first(side):
    address = f"{side.name}@example.com"
    somebody = User(username=side.name, email=address)
    data = {"username": side.name, "n": 1}
    create = side.client.otp_create
    challenge = side.observe(create, purpose="registration", email=address, data=data).challenge_id
    side.observe(create, purpose="registration", email=address, data=data)
    side.observe(create, purpose="registration", email=address, data={"username": "other"})
    answer = side.observe(side.client.otp_verify, challenge, side.code(somebody))
    side.observed.append((answer.customer_id, answer.data == data))


def registered_anew(side):
    user = side.newcomer()
    challenge = side.register(user).challenge_id
    side.observed.append(runtime.registrations.supersede(user))
    side.observed.append(runtime.registrations.right(user))
    side.observe(side.client.otp_verify, challenge, side.code(user))
    side.register(user)
    side.observed.append(runtime.registrations.register(side.user("active")))


def made_active_by_hand(side):
    """A save counts, and so does a call that finds the customer active."""
    for by_save in (True, False):
        user = side.newcomer(f"save-{by_save}")
        challenge = side.register(user).challenge_id
        code = side.code(user)
        user.is_active = True
        if by_save:
            user.save()
        else:
            User.objects.filter(pk=user.pk).update(is_active=True)
            side.observe(side.client.otp_resend, challenge)
        side.observed.append(runtime.registrations.right(user))
        User.objects.filter(pk=user.pk).update(is_active=False)  # banned
        side.observe(side.client.otp_verify, challenge, code)
        user.refresh_from_db()
        side.observed.append((user.is_active, runtime.registrations.supersede(user)))


def draws(side):
    user = side.user()
    for amount in ("100.00", "100.00", "100", "101"):
        side.observe(side.client.draw, customer_id=user.pk, order_ref="A1", amount=Decimal(amount))


STORIES = (
    right_code,
    five_wrong_codes,
    asking_twice,
    nobody,
    without_the_right,
    a_known_address,
    code_first,
    registered_anew,
    made_active_by_hand,
    draws,
)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_both_answer_alike(story, site, sink, settings):
    real = Side(sink)
    story(real)
    settings.SESPAN = {**settings.SESPAN, "FAKE": True}
    current().reset()
    memory = Side()
    story(memory)
    assert str(memory.observed).replace(memory.name, "x") == str(real.observed).replace(
        real.name, "x"
    )
