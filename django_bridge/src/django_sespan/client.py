"""The typed client. `get_client()` returns the pooled one of this process."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Self
from uuid import UUID

import httpx

from django_sespan import errors
from django_sespan._internal import customer_table, report_responses, responses
from django_sespan._internal.exports import Export
from django_sespan._internal.key_calls import Key, KeyCalls, NewKey
from django_sespan._internal.report_calls import ReportCalls
from django_sespan._internal.report_responses import (
    Counts,
    DrawProof,
    Summary,
    SummaryRow,
    Transaction,
    TransactionPage,
)
from django_sespan._internal.responses import Challenge, ChallengeStatus, Draw, Verified
from django_sespan._internal.stats import (
    ApiHits,
    CodeGrowth,
    MailStats,
    OutcomesByType,
    StatsCalls,
    TransactionStats,
)
from django_sespan._internal.transport import Answer, Transport
from django_sespan.conf import SespanSettings, get_settings

__all__ = [
    "ApiHits",
    "Challenge",
    "ChallengeStatus",
    "Client",
    "CodeGrowth",
    "Counts",
    "Draw",
    "DrawProof",
    "Export",
    "Key",
    "MailStats",
    "NewKey",
    "OutcomesByType",
    "Summary",
    "SummaryRow",
    "Transaction",
    "TransactionPage",
    "TransactionStats",
    "Verified",
    "get_client",
]


def get_client() -> Client:
    """Return the client that belongs to this process."""
    from django_sespan._internal.runtime import runtime  # noqa: PLC0415  (it makes a Client)

    return runtime.client


class Client(ReportCalls, StatsCalls, KeyCalls):
    """Sespan's HTTP contract with the service key; raises SespanError only."""

    def __init__(self, transport: Transport, *, enabled: bool = True) -> None:
        self._transport = transport
        self._enabled = enabled
        self._bearer: str | None = None

    @classmethod
    def from_settings(
        cls,
        settings: SespanSettings | None = None,
        *,
        transport: httpx.BaseTransport | None = None,
    ) -> Client:
        """Build a client from `SESPAN`; `transport` replaces the network in tests."""
        chosen = settings or get_settings()
        try:
            wire = Transport(chosen.url, chosen.key, timeout=chosen.timeout, transport=transport)
        except (httpx.InvalidURL, ValueError) as exc:
            raise errors.SespanMisconfigured("SESPAN['URL'] or ['KEY'] is unusable") from exc
        return cls(wire, enabled=chosen.enabled)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def as_staff(self, token: str) -> Self:
        """Return a client on the same connections that calls with this token, not with the key."""
        staff = copy.copy(self)
        staff._bearer = token
        return staff

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """Read `path`; a parameter that is None or "" is left out."""
        return self._read(path, params or {}).data

    def _read(self, path: str, params: Mapping[str, Any], seconds: float | None = None) -> Answer:
        return self._call("GET", path, idempotent=True, timeout=seconds, params=_given(params))

    def _download(self, path: str, params: Mapping[str, Any]) -> Export:
        if not self._enabled:
            raise errors.SespanDisabled("SESPAN['ENABLED'] is False")
        return self._transport.download(path, _given(params), bearer=self._bearer)

    def otp_create(
        self,
        *,
        purpose: str,
        customer_id: object = None,
        email: str | None = None,
        resume: bool = False,
        known_browser: bool = False,
        data: Mapping[str, Any] | None = None,
        locale: str | None = None,
        client_ip: str | None = None,
    ) -> Challenge:
        """Ask for a code. Repeating within a minute returns the same challenge and no second mail.

        `known_browser`: this visitor's browser has verified the address before (see the module
        of that name). With `resume` a code that is under way is enough, however old. `data`
        (JSON, 16 KiB) is sealed until the code of a registration by `email` is verified, and
        given back once.
        """
        body: dict[str, Any] = {"purpose": purpose, **self._whose()}
        if customer_id is not None:
            body["customer_id"] = str(customer_id)
        if email is not None:
            body["email"] = email
        if resume:
            body["resume"] = True
        if known_browser:
            body["known_browser"] = True
        if data is not None:
            body["data"] = dict(data)
        if locale:
            body["locale"] = locale
        answer = self._call("POST", "/v1/otp", body, idempotent=True, client_ip=client_ip)
        return responses.challenge(answer.data, answer.date)

    def otp_verify(
        self, challenge_id: str, otp_number: str, *, client_ip: str | None = None
    ) -> Verified:
        """Verify a code. It counts as a guess, so it is never repeated automatically."""
        path = f"/v1/otp/{_uuid(challenge_id)}/verify"
        answer = self._call("POST", path, {"otp_number": otp_number}, client_ip=client_ip)
        return responses.verified(answer.data)

    def otp_resend(self, challenge_id: str, *, client_ip: str | None = None) -> Challenge:
        """Ask for another code of the same challenge; earlier ones stay valid."""
        path = f"/v1/otp/{_uuid(challenge_id)}/resend"
        answer = self._call("POST", path, client_ip=client_ip)
        return responses.challenge(answer.data, answer.date)

    def otp_status(self, challenge_id: str, *, timeout: float | None = None) -> ChallengeStatus:
        """Return the state of a challenge; `timeout` (seconds) is a shorter limit than TIMEOUT."""
        path = f"/v1/otp/{_uuid(challenge_id)}"
        answer = self._call("GET", path, idempotent=True, timeout=timeout)
        return responses.challenge_status(answer.data)

    def login(self, body: Mapping[str, Any]) -> None:
        """Report a login: customer_id?, customer_table?, username, outcome, ip, user_agent."""
        self._call("POST", "/v1/logins", body, client_ip=body.get("ip"))

    def draw(
        self,
        *,
        customer_id: object,
        order_ref: str,
        amount: Decimal,
        client_nonce: str | None = None,
        client_ip: str | None = None,
    ) -> Draw:
        """Draw for an order, or return the result that it already has."""
        body = {
            "customer_id": str(customer_id),
            "order_ref": order_ref,
            "transaction_amount": format(amount, "f"),
            **self._whose(),
        }
        if client_nonce is not None:
            body["client_nonce"] = client_nonce
        answer = self._call("POST", "/v1/transactions", body, idempotent=True, client_ip=client_ip)
        return responses.draw(answer.status, answer.data)

    def cancel(self, transaction_id: int, *, client_ip: str | None = None) -> Transaction:
        """Cancel a transaction, for good, and return it; again returns the same."""
        path = f"/v1/transactions/{int(transaction_id)}/cancel"
        answer = self._call("POST", path, idempotent=True, client_ip=client_ip)
        return report_responses.transaction(answer.data)

    def _whose(self) -> dict[str, str]:
        """Return which table's customers are meant."""
        table = customer_table.read() if self._enabled else None
        return {} if table is None else {"customer_table": table}

    def _call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        idempotent: bool = False,
        client_ip: str | None = None,
        timeout: float | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> Answer:
        if not self._enabled:
            raise errors.SespanDisabled("SESPAN['ENABLED'] is False")
        try:
            return self._transport.call(
                method,
                path,
                body,
                idempotent=idempotent,
                client_ip=client_ip,
                timeout=timeout,
                params=params,
                bearer=self._bearer,
            )
        except errors.CustomerTableMismatch as exc:
            exc.explain(f"{(body or {}).get('customer_table')}: {customer_table.ADVICE}")
            raise


def _given(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value not in {None, ""}}


def _uuid(challenge_id: str) -> str:
    # A challenge comes out of the session; whatever stands there must not become a path.
    try:
        return str(UUID(challenge_id))
    except (ValueError, AttributeError, TypeError) as exc:
        raise errors.UnknownChallenge("not a challenge") from exc
