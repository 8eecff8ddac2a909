"""The Sespan of a test run: what it was asked, what it sent, and how to make it fail."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import httpx

from django_sespan import errors
from django_sespan._internal.address import same
from django_sespan._internal.exports import UNTIL
from django_sespan._internal.transport import Answer
from django_sespan.client import get_client
from django_sespan.testing.budgets import FakeBudgets
from django_sespan.testing.challenges import Challenges, CodeSent, NoticeSent
from django_sespan.testing.client import FakeClient
from django_sespan.testing.draws import Draws, Order, Rule, lose
from django_sespan.testing.keys import Keys
from django_sespan.testing.logins import ImmediateLogins
from django_sespan.testing.pretended_registrations import FakePretendedRegistrations
from django_sespan.testing.registrations import FakeRegistrations
from django_sespan.testing.stats import FakeStats
from django_sespan.testing.transactions import Sale, Transactions

LOGINS = "/v1/logins"


@dataclass(frozen=True)
class Call:
    """A call as it came, the code of a verification included; also one that was made to fail."""

    method: str
    path: str
    body: Mapping[str, Any]
    client_ip: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    bearer: str | None = None
    """The token that stood in the place of the service key."""


@dataclass(frozen=True)
class LoginReported:
    """A login or a failed one. `outcome` is `success` or `failure`."""

    username: str
    outcome: str
    customer_id: str | None = None
    ip: str | None = None
    user_agent: str | None = None


@dataclass
class _Failure:
    error: errors.SespanError | type[errors.SespanError]
    on: str
    times: int | None

    def applies_to(self, path: str) -> bool:
        if path == LOGINS and self.on != "logins":
            return False  # sent in the background, so they are not the next call of a test
        return self.on in path and self.times != 0


class SespanTesting:
    """What a test sees and sets. `outbox`, `notices`, `logins` and `calls` grow at the end."""

    outbox: list[CodeSent]
    notices: list[NoticeSent]
    logins: list[LoginReported]
    calls: list[Call]
    rule: Rule
    transactions: Transactions
    """What the report role sees; `transactions.add(Sale(…))` puts more there."""
    keys: Keys
    """The service keys that people made."""
    registrations: FakeRegistrations
    budgets: FakeBudgets
    """What strangers may cause; `budgets.refuse()` lets no mail of a stranger go."""
    pretended_registrations: FakePretendedRegistrations
    stats: FakeStats
    cache_prefix: str

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a live server's threads call, too
        self.client = FakeClient(self)
        self.login_queue = ImmediateLogins(get_client)
        self.reset()

    def reset(self) -> None:
        """Forget everything; the mixin and the fixture do it for each test."""
        with self._lock:
            self.outbox, self.notices, self.logins, self.calls = [], [], [], []
            self.rule = lose
            self.cache_prefix = uuid.uuid4().hex  # what a test leaves in a cache is no other test's
            self.registrations = FakeRegistrations()
            self._challenges = Challenges(self.registrations, self)
            self.budgets = FakeBudgets()
            self.pretended_registrations = FakePretendedRegistrations()
            self.registrations.superseded = self._challenges.supersede
            self._draws = Draws()
            self.transactions = Transactions()
            self.stats = FakeStats()
            self.keys = Keys()
            self._failures: list[_Failure] = []

    def code(self, email: str = "") -> str:
        """Return the newest code, of this address where one is named; LookupError without any."""
        for sent in reversed(self.outbox):
            if not email or same(sent.email, email):
                return sent.code
        raise LookupError(f"No code was sent{' to ' + email if email else ''}.")

    def wrong_code(self) -> str:
        """Return six digits that are no code of this test."""
        known = {sent.code for sent in self.outbox}
        return next(guess for n in range(10**6) if (guess := f"{n:06d}") not in known)

    def advance(self, seconds: float) -> None:
        """Let time pass for the codes: 60 s until a resend, 10 minutes until they expire."""
        with self._lock:
            by = timedelta(seconds=seconds)
            self._challenges.shift(by)
            self.registrations.shift(by)
            self.budgets.shift(by)

    def win(self, discount: Decimal | int | str) -> None:
        """Let each draw win this share of the amount: `win("0.1")` takes a tenth off."""
        self.rule = partial(_share, discount)

    def lose(self) -> None:
        """Let no draw win, as at the beginning of a test."""
        self.rule = lose

    def fail(
        self,
        error: errors.SespanError | type[errors.SespanError],
        *,
        times: int | None = 1,
        on: str = "",
    ) -> None:
        """Make the next calls raise; None is until `recover`.

        `on` is a part of the path: `"otp"`, `"verify"`, `"resend"`, `"transactions"`,
        `"logins"`. Login reports are met only when they are named.
        """
        with self._lock:
            self._failures.append(_Failure(error, on, times))

    def recover(self) -> None:
        """End all failures."""
        with self._lock:
            self._failures.clear()

    @contextmanager
    def failing(
        self, error: errors.SespanError | type[errors.SespanError], *, on: str = ""
    ) -> Iterator[None]:
        """Make every call raise within the block."""
        failure = _Failure(error, on, None)
        self._failures.append(failure)
        try:
            yield
        finally:
            failure.times = 0

    def answer(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any],
        client_ip: str | None = None,
        *,
        params: Mapping[str, Any] | None = None,
        bearer: str | None = None,
    ) -> Answer:
        """Answer one call of the HTTP contract, or raise what the real transport raises."""
        with self._lock:
            self.calls.append(Call(method, path, body, client_ip, params or {}, bearer))
            self._fail_if_told(path)
            match (method, *path.removeprefix("/v1/").split("/")):
                case (_, "otp", *rest):
                    return self._otp(method, rest, body)
                case ("POST", "logins"):
                    self.logins.append(LoginReported(**body))
                    return Answer(201, {"status": "logged"})
                case ("POST", "transactions"):
                    return self._draw(body)
                case ("POST", "transactions", number, "cancel"):
                    return Answer(200, self.transactions.cancel(int(number)))
                case (_, "keys", *rest):
                    return self.keys.answer(method, rest, body, bearer)
                case ("GET", "transactions" | "stats" as noun, *rest):
                    return Answer(200, self._numbers(noun, rest, params or {}))
            raise errors.SespanRefused(f"{method} {path} is not known here", status=404)

    def _numbers(self, noun: str, rest: list[str], params: Mapping[str, Any]) -> Mapping[str, Any]:
        if noun == "transactions":
            return self.transactions.answer(rest, params)
        return self.stats.answer("/".join(rest), params)

    def _otp(self, method: str, rest: list[str], body: Mapping[str, Any]) -> Answer:
        match (method, *rest):
            case ("POST",):
                return Answer(202, self._challenges.create(body))
            case ("POST", challenge, "verify"):
                return Answer(200, self._challenges.verify(challenge, body))
            case ("POST", challenge, "resend"):
                return Answer(202, self._challenges.resend(challenge))
            case ("GET", challenge):
                return Answer(200, self._challenges.status(challenge))
        raise errors.SespanRefused(f"{method} otp/{'/'.join(rest)} is not known here", status=404)

    def download(
        self, path: str, params: Mapping[str, Any], bearer: str | None = None
    ) -> httpx.Response:
        """Answer a call for a CSV."""
        with self._lock:
            self.calls.append(Call("GET", path, {}, None, params, bearer))
            self._fail_if_told(path)
            rest = path.removeprefix("/v1/transactions").strip("/").split("/")
            content = self.transactions.csv([part for part in rest if part], params)
            headers = {"Content-Type": "text/csv", UNTIL: datetime.now(UTC).isoformat()}
            return httpx.Response(200, headers=headers, content=content)

    def _draw(self, body: Mapping[str, Any]) -> Answer:
        status, drawn = self._draws.draw(body, self.rule)
        if status == httpx.codes.CREATED:
            amount = Decimal(drawn["transaction_amount"])
            off = amount - Decimal(drawn["discounted_amount"])
            self.transactions.add(
                Sale(
                    order_ref=str(body["order_ref"]),
                    amount=amount,
                    at=datetime.fromisoformat(drawn["transaction_time"]),
                    discount=off if drawn["discounted"] else None,
                    customer_id=str(body["customer_id"]),
                )
            )
        return Answer(status, drawn)

    def _fail_if_told(self, path: str) -> None:
        for failure in self._failures:
            if failure.applies_to(path):
                if failure.times is not None:
                    failure.times -= 1
                error = failure.error
                raise error if isinstance(error, errors.SespanError) else error("made to fail")


def _share(discount: Decimal | int | str, order: Order) -> Decimal | int | str:
    return discount
