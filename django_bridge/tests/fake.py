"""A small Sespan: challenges, draws and logins by the contract, on httpx's mock transport."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx

CODE = "123456"


@dataclass
class FakeSespan:
    """Answers as the service does; `fail` replaces the next answers, `calls` keeps what came."""

    calls: list[tuple[str, str, dict, httpx.Headers]] = field(default_factory=list)
    challenges: dict[str, dict] = field(default_factory=dict)
    draws: dict[tuple[str, str], dict] = field(default_factory=dict)
    logins: list[dict] = field(default_factory=list)
    fail: list = field(default_factory=list)
    answers: dict = field(default_factory=dict)  # (method, path) → what a staff call gets
    on_verified: object = None
    on_call: object = None
    resend_seconds: int = 60
    fast: timedelta = timedelta(0)  # of the service's clock

    def transport(self):
        return httpx.MockTransport(self.handle)

    def handle(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content) if request.content else {}
        self.calls.append((request.method, request.url.path, body, request.headers))
        if self.on_call:
            self.on_call(request, body)
        if self.fail:
            failure = self.fail.pop(0)
            if isinstance(failure, Exception):
                raise failure
            if failure is not None:
                return failure
        match request.url.path.strip("/").split("/"):
            case ["v1", "otp"]:
                return self.create(body)
            case ["v1", "otp", challenge, "verify"]:
                return self.verify(challenge, body)
            case ["v1", "otp", challenge, "resend"]:
                return self.resend(challenge)
            case ["v1", "otp", challenge]:
                return self.status(challenge)
            case ["v1", "logins"]:
                self.logins.append(body)
                return httpx.Response(201, json={"status": "logged"})
            case ["v1", "transactions"] if request.method == "POST":
                return self.draw(body)
        if (answer := self.answers.get((request.method, request.url.path))) is not None:
            return answer(request) if callable(answer) else httpx.Response(200, json=answer)
        return problem(404, "not-found")

    def create(self, body):
        found = str(uuid.uuid4())
        self.challenges[found] = {"guesses": 5, "status": "pending", **body}
        return httpx.Response(202, json=self.sent(found))

    def sent(self, challenge):
        now = datetime.now(UTC) + self.fast
        return {
            "challenge_id": challenge,
            "email": "b***@example.com",
            "valid_until": (now + timedelta(minutes=10)).isoformat(),
            "resend_after": (now + timedelta(seconds=self.resend_seconds)).isoformat(),
        }

    def verify(self, challenge, body):
        found = self.challenges.get(challenge)
        if found is None:
            return problem(404, "unknown-challenge")
        if found["status"] == "verified":
            return problem(409, "otp-used", correct=body["otp_number"] == CODE)
        if found["guesses"] == 0:
            return problem(429, "otp-locked", {"Retry-After": "1800"})
        if body["otp_number"] != CODE:
            found["guesses"] -= 1
            return problem(422, "otp-incorrect", attempts_left=found["guesses"])
        found["status"] = "verified"
        if self.on_verified:
            self.on_verified(found["customer_id"])
        now = datetime.now(UTC).isoformat()
        answer = {"status": "verified", "customer_id": found["customer_id"], "verified_at": now}
        return httpx.Response(200, json=answer)

    def resend(self, challenge):
        if challenge not in self.challenges:
            return problem(404, "unknown-challenge")
        return httpx.Response(202, json=self.sent(challenge))

    def status(self, challenge):
        found = self.challenges[challenge]
        answer = {"status": found["status"], "purpose": found["purpose"], "delivery": "sent"}
        return httpx.Response(200, json=answer | {"attempts_left": found["guesses"]})

    def draw(self, body):
        key = (body["customer_id"], body["order_ref"])
        quantum = Decimal("0.0001")
        status, amount = 200, Decimal(body["transaction_amount"])
        if key not in self.draws:
            status = 201
            self.draws[key] = {
                "transaction_id": len(self.draws) + 1,
                "tier_id": 1,
                "discounted": True,
                "transaction_amount": f"{amount.quantize(quantum)}",
                "discounted_amount": f"{(amount * Decimal('0.9')).quantize(quantum)}",
                "transaction_time": datetime.now(UTC).isoformat(),
            }
        if Decimal(self.draws[key]["transaction_amount"]) != amount:
            return problem(409, "order-conflict")
        return httpx.Response(status, json=self.draws[key])


def problem(status, slug, headers=None, **members):
    """An RFC 9457 answer."""
    body = {"type": f"urn:sespan:problem:{slug}", "title": slug, "status": status}
    content = json.dumps({**body, "response_id": str(uuid.uuid4()), **members})
    headers = {"Content-Type": "application/problem+json", **(headers or {})}
    return httpx.Response(status, content=content, headers=headers)
