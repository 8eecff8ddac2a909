"""The service: that it answers, takes the key, and has the same time."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from uuid import uuid4

import httpx

from django_sespan import errors
from django_sespan.conf import get_settings
from django_sespan.management.hops import Trouble

SERVE = "sespan serve --env-file sespan.env"
TOLERANCE = 10.0
"""Seconds; tokens of the checkout are refused from 30 on, and Date has whole seconds."""


def look() -> str:
    """Ask for a challenge that nobody has: only a right key gets as far as `unknown`."""
    found = get_settings()
    address = f"{found.url}/v1/otp/{uuid4()}"
    headers = {"Authorization": f"Bearer {found.key}", "Accept": "application/json"}
    try:
        answer = httpx.get(address, headers=headers, timeout=found.timeout, trust_env=False)
    except httpx.HTTPError as exc:
        raise Trouble(
            f"{found.url} does not answer ({type(exc).__name__}).",
            f"Start it: {SERVE}; or correct SESPAN['URL'].",
        ) from exc
    _problem(answer)
    apart = _apart(answer)
    if apart > TOLERANCE:
        raise Trouble(
            f"The service's clock differs by {apart:.0f} s from this machine's.",
            "Let both follow NTP.",
        )
    return f"{found.url} answers, the key is accepted, clocks agree"


def _problem(answer: httpx.Response) -> None:
    kind = answer.headers.get("content-type", "").split(";")[0]
    slug = answer.json().get("type", "") if kind == "application/problem+json" else ""
    if slug.endswith(f":{errors.UnknownChallenge.slug}"):
        return
    if answer.status_code in {401, 403}:
        raise Trouble(
            f"The service refuses SESPAN['KEY'] (HTTP {answer.status_code}).",
            "sespan keys list shows those that are good; sespan keys create --role service --name …"
            " makes one",
        )
    if slug:
        raise Trouble(
            f"The service is up but cannot work (HTTP {answer.status_code}, {slug}).",
            "sespan doctor --env-file sespan.env",
        )
    raise Trouble(
        f"What answers at {get_settings().url} is not Sespan (HTTP {answer.status_code}).",
        "Correct SESPAN['URL']: the public port of sespan serve (SESPAN_HTTP_ADDR).",
    )


def _apart(answer: httpx.Response) -> float:
    try:
        there = parsedate_to_datetime(answer.headers["date"])
    except (KeyError, ValueError):
        return 0.0
    return abs((datetime.now(UTC) - there).total_seconds())
