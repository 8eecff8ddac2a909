"""Sespan in memory keeps the service's rules; a test of a site may rely on them."""

from __future__ import annotations

import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from django_sespan import errors
from django_sespan.client import get_client
from django_sespan.testing import FakeClient, Order, SespanTestMixin, active, current, override

pytestmark = pytest.mark.django_db

EMAIL = "Budi@example.com"


@pytest.fixture(autouse=True)
def memory(settings):
    """What the fixture `sespan` is on a site."""
    settings.SESPAN = {**settings.SESPAN, "FAKE": True}
    found = current()
    found.reset()
    return found


@pytest.fixture
def calls(memory):
    client = get_client()
    assert isinstance(client, FakeClient)
    return client


@pytest.fixture
def waiting():
    """Inactive, and nobody's registration."""
    return User.objects.create_user("budi", EMAIL, "x", is_active=False)


@pytest.fixture
def user(memory, waiting):
    """A new customer with the right to be activated."""
    assert memory.registrations.register(waiting) == "granted"
    return waiting


def registered(calls, user, **options):
    return calls.otp_create(purpose="registration", customer_id=user.pk, **options)


def active_now(user):
    user.refresh_from_db()
    return user.is_active


def test_a_registration(memory, calls, user):
    challenge = registered(calls, user, locale="id", client_ip="203.0.113.9")
    (sent,) = memory.outbox
    assert challenge.email == "b***@example.com"
    assert (sent.customer_id, sent.email, sent.locale) == (str(user.pk), EMAIL, "id")
    assert memory.calls[0].client_ip == "203.0.113.9"
    verified = calls.otp_verify(challenge.challenge_id, sent.code)
    assert verified.customer_id == str(user.pk)
    assert active_now(user)
    assert calls.otp_status(challenge.challenge_id).status == "verified"
    with pytest.raises(errors.OTPUsed):
        calls.otp_verify(challenge.challenge_id, sent.code)
    with pytest.raises(errors.OTPUsed):
        calls.otp_resend(challenge.challenge_id)


def test_five_guesses(memory, calls, user):
    challenge = registered(calls, user).challenge_id
    for left in (4, 3, 2, 1, 0):
        with pytest.raises(errors.OTPIncorrect) as caught:
            calls.otp_verify(challenge, memory.wrong_code())
        assert caught.value.attempts_left == left
    with pytest.raises(errors.OTPLocked) as locked:
        calls.otp_verify(challenge, memory.code())
    assert locked.value.retry_after == 60
    with pytest.raises(errors.OTPLocked):
        calls.otp_resend(challenge)
    assert not active_now(user)
    with pytest.raises(errors.OTPTooSoon):
        registered(calls, user)
    memory.advance(60)
    again = registered(calls, user).challenge_id
    assert again != challenge
    calls.otp_verify(again, memory.code())
    assert active_now(user)


def test_ten_minutes(memory, calls, user):
    challenge = registered(calls, user).challenge_id
    memory.advance(599)
    assert calls.otp_status(challenge).status == "pending"
    memory.advance(1)
    assert calls.otp_status(challenge).status == "expired"
    with pytest.raises(errors.OTPExpired):
        calls.otp_verify(challenge, memory.code())
    with pytest.raises(errors.OTPExpired):
        calls.otp_resend(challenge)


def test_a_minute_between_two_codes(memory, calls, user):
    first = registered(calls, user)
    assert registered(calls, user) == first
    with pytest.raises(errors.OTPTooSoon) as caught:
        calls.otp_resend(first.challenge_id)
    assert caught.value.retry_after == 60
    assert len(memory.outbox) == 1
    memory.advance(60)
    assert calls.otp_resend(first.challenge_id).challenge_id == first.challenge_id
    memory.advance(60)
    assert registered(calls, user).challenge_id == first.challenge_id
    assert len({sent.code for sent in memory.outbox}) == 3


def test_three_codes_live_at_once(memory, calls, user):
    challenge = registered(calls, user).challenge_id
    for _ in range(3):
        memory.advance(60)
        calls.otp_resend(challenge)
    with pytest.raises(errors.OTPIncorrect):
        calls.otp_verify(challenge, memory.outbox[0].code)
    calls.otp_verify(challenge, memory.outbox[1].code)
    assert active_now(user)


def test_who_is_not_known(memory, calls):
    with pytest.raises(errors.UnknownCustomer):
        calls.otp_create(purpose="login", customer_id=10**9)
    with pytest.raises(errors.UnknownCustomer):
        calls.otp_create(purpose="login", customer_id="nobody")
    with pytest.raises(errors.UnknownChallenge):
        calls.otp_resend("5b4d7f5e-3c7e-4c93-8a3c-1f6ad2b7a001")
    with pytest.raises(errors.SespanRefused):
        calls.otp_create(purpose="login")
    assert memory.outbox == []


@pytest.mark.parametrize("matches", [0, 2])
def test_an_address_that_is_nobodys_or_of_several(memory, calls, matches):
    for number in range(matches):
        User.objects.create_user(f"u{number}", EMAIL, "x")
    challenge = calls.otp_create(purpose="login", email=EMAIL.lower())
    assert challenge.email == "b***@example.com"
    assert memory.outbox == []
    with pytest.raises(errors.OTPIncorrect):
        calls.otp_verify(challenge.challenge_id, "123456")


def test_a_login_by_address(memory, calls):
    user = User.objects.create_user("budi", EMAIL, "x")
    challenge = calls.otp_create(purpose="login", email=EMAIL.lower())
    assert calls.otp_verify(challenge.challenge_id, memory.code()).customer_id == str(user.pk)


class TestTheRightToBeActivated:
    def test_only_with_it(self, memory, calls, waiting):
        """Somebody who was inactive before is sent nothing and stays so."""
        assert memory.registrations.supersede(waiting) == "ended"
        registered(calls, waiting)
        assert memory.outbox == []
        assert memory.registrations.right(waiting) == "none"

    def test_not_for_another_purpose(self, memory, calls, user):
        calls.otp_create(purpose="login", customer_id=user.pk)
        assert memory.outbox == []

    def test_by_the_right_that_the_site_granted(self, memory, calls, user):
        assert memory.registrations.right(user) == "live"
        assert list(memory.registrations.unused(timezone.now())) == [user.pk]
        calls.otp_verify(registered(calls, user).challenge_id, memory.code())
        assert memory.registrations.right(user) == "ended"
        assert list(memory.registrations.unused(timezone.now())) == []

    def test_it_is_used_up(self, memory, calls, user):
        calls.otp_verify(registered(calls, user).challenge_id, memory.code())
        User.objects.filter(pk=user.pk).update(is_active=False)  # banned
        assert memory.registrations.supersede(user) == "ended"
        memory.advance(60)
        registered(calls, user)
        assert len(memory.outbox) == 1

    @pytest.mark.parametrize("seen", ["save", "login code"])
    def test_a_ban_after_an_activation_by_hand_holds(self, memory, calls, user, seen):
        challenge = registered(calls, user).challenge_id
        code = memory.code()
        if seen == "save":
            user.is_active = True
            user.save()
        else:
            User.objects.update(is_active=True)
            calls.otp_create(purpose="login", customer_id=user.pk)
        assert memory.registrations.right(user) == "ended"
        User.objects.update(is_active=False)
        with pytest.raises(errors.ActivationRefused):
            calls.otp_verify(challenge, code)
        assert not active_now(user)

    def test_revoked_while_the_code_was_under_way(self, memory, calls, user):
        challenge = registered(calls, user).challenge_id
        memory.registrations.end(str(user.pk))
        with pytest.raises(errors.ActivationRefused):
            calls.otp_verify(challenge, memory.code())
        assert not active_now(user)
        with pytest.raises(errors.OTPUsed):
            calls.otp_verify(challenge, memory.code())

    def test_a_new_registration_supersedes_the_old_code(self, memory, calls, user):
        first = registered(calls, user).challenge_id
        assert memory.registrations.supersede(user) == "live"
        with pytest.raises(errors.OTPExpired):
            calls.otp_verify(first, memory.code())
        with pytest.raises(errors.OTPTooSoon):
            registered(calls, user)
        memory.advance(60)
        assert registered(calls, user).challenge_id != first

    def test_it_goes_with_its_customer(self, memory, calls, user):
        challenge = registered(calls, user).challenge_id
        key = user.pk
        user.delete()
        with pytest.raises(errors.UnknownChallenge):
            calls.otp_verify(challenge, memory.code())
        joined = timezone.now() + timedelta(seconds=1)
        again = User(pk=key, username="b", email=EMAIL, is_active=False, date_joined=joined)
        again.save(force_insert=True)
        assert memory.registrations.right(again) == "none"
        assert memory.registrations.register(again) == "granted"
        assert registered(calls, again).challenge_id != challenge
        assert len(memory.outbox) == 2


def test_registering_a_known_address_notifies_only_its_owner(memory, calls):
    user = User.objects.create_user("budi", EMAIL, "x")
    challenge = registered(calls, user)
    assert memory.outbox == []
    (notice,) = memory.notices
    assert (notice.customer_id, notice.email) == (str(user.pk), EMAIL)
    with pytest.raises(errors.OTPIncorrect):
        calls.otp_verify(challenge.challenge_id, "123456")


class TestByTheContract:
    """What the client's methods of today do not send, the service in memory knows already."""

    def post(self, memory, path, **body):
        return memory.answer("POST", f"/v1/{path}", body).data

    def test_code_first(self, memory):
        body = {"purpose": "registration", "email": EMAIL, "data": {"username": "budi"}}
        challenge = self.post(memory, "otp", **body)["challenge_id"]
        with pytest.raises(errors.OTPTooSoon):
            self.post(memory, "otp", **body | {"data": {"username": "other"}})
        answer = self.post(memory, f"otp/{challenge}/verify", otp_number=memory.code())
        assert answer["data"] == {"username": "budi"}
        assert "customer_id" not in answer

    def test_code_first_for_a_known_address(self, memory):
        User.objects.create_user("budi", EMAIL, "x")
        self.post(memory, "otp", purpose="registration", email=EMAIL, data={})
        assert (len(memory.outbox), len(memory.notices)) == (0, 1)

    def test_resume(self, memory, user):
        body = {"purpose": "registration", "customer_id": str(user.pk)}
        first = self.post(memory, "otp", **body)
        memory.advance(61)
        again = self.post(memory, "otp", **body, resume=True)
        assert again["challenge_id"] == first["challenge_id"]
        assert len(memory.outbox) == 1

    def test_another_purpose(self, memory, user):
        with pytest.raises(errors.SespanRefused):
            self.post(memory, "otp", purpose="transaction", customer_id=str(user.pk))

    def test_another_path(self, memory):
        with pytest.raises(errors.SespanRefused):
            memory.answer("GET", "/v1/tiers", {})


class TestDraws:
    def draw(self, calls, ref="A1", amount=100):
        return calls.draw(customer_id=7, order_ref=ref, amount=Decimal(amount))

    def test_nothing_is_won_unless_a_test_says_so(self, calls):
        draw = self.draw(calls)
        assert (draw.discounted, draw.discounted_amount, draw.created) == (False, 100, True)

    def test_an_order_is_drawn_once(self, memory, calls):
        memory.win("0.15")
        first = self.draw(calls)
        memory.lose()
        again = self.draw(calls)
        assert (first.discounted_amount, again.discounted_amount) == (85, 85)
        assert (first.transaction_id, again.created) == (again.transaction_id, False)
        assert not self.draw(calls, "A2").discounted
        with pytest.raises(errors.OrderConflict):
            self.draw(calls, amount=101)

    def test_a_rule_of_the_test(self, memory, calls):
        memory.rule = lambda order: "0.5" if order == Order("7", "B", Decimal(10)) else None
        assert self.draw(calls, "B", 10).discounted_amount == 5
        assert not self.draw(calls, "C", 10).discounted

    def test_a_rule_that_makes_no_sense(self, memory, calls):
        memory.win(15)
        with pytest.raises(ValueError, match="share from 0 to 1"):
            self.draw(calls)

    def test_half_a_cent(self, memory, calls):
        memory.win("0.5")
        assert self.draw(calls, amount="0.01").discounted_amount == Decimal("0.01")


class TestFailures:
    def test_the_next_call_only(self, memory, calls, user):
        memory.fail(errors.SespanUnavailable)
        with pytest.raises(errors.SespanUnavailable):
            registered(calls, user)
        registered(calls, user)

    def test_of_one_kind_until_it_recovers(self, memory, calls, user):
        memory.fail(errors.OTPLocked("full", retry_after=9), times=None, on="otp")
        for _ in range(3):
            with pytest.raises(errors.OTPLocked) as caught:
                registered(calls, user)
        assert caught.value.retry_after == 9
        calls.draw(customer_id=7, order_ref="A1", amount=Decimal(1))
        memory.recover()
        registered(calls, user)

    def test_within_a_block(self, memory, calls, user):
        with memory.failing(errors.SespanMisconfigured), pytest.raises(errors.SespanMisconfigured):
            registered(calls, user)
        registered(calls, user)
        assert len(memory.calls) == 2

    def test_login_reports_only_by_name(self, memory, runtime):
        body = {"username": "budi", "outcome": "success"}
        memory.fail(errors.SespanUnavailable)
        runtime.login_queue.put(body)
        assert len(memory.logins) == 1
        memory.fail(errors.SespanUnavailable, on="logins")
        runtime.login_queue.put(body)
        runtime.login_queue.put(body)
        assert (len(memory.logins), runtime.login_queue.dropped) == (2, 1)


def test_no_thread_and_nothing_left_over(memory, runtime):
    before = threading.active_count()
    for _ in range(3):
        runtime.login_queue.put({"username": "budi", "outcome": "failure"})
    assert threading.active_count() == before
    assert runtime.login_queue.drain(0)
    assert runtime._login_queue is None


def test_lists_may_be_replaced(memory, calls, user):
    memory.outbox = []
    registered(calls, user)
    assert len(memory.outbox) == 1
    assert memory.code(EMAIL.lower()) == memory.code()
    with pytest.raises(LookupError):
        memory.code("other@example.com")


def test_outside_of_a_test_run_there_is_none(settings):
    settings.SESPAN = {**settings.SESPAN, "FAKE": False}
    assert not active()
    with pytest.raises(RuntimeError, match="in memory"):
        current()
    with pytest.raises(RuntimeError):
        _ = SespanTestMixin().sespan


def test_a_client_that_a_test_sets_is_the_one(memory):
    own = FakeClient(memory)
    with override(client=own):
        assert get_client() is own
    assert get_client() is memory.client


def test_switched_off(memory, calls, settings, user):
    settings.SESPAN = {**settings.SESPAN, "ENABLED": False}
    with pytest.raises(errors.SespanDisabled):
        registered(calls, user)
    assert memory.calls == []
