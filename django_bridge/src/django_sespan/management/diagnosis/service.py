"""Check the service: it answers, accepts the key, and its clock agrees."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from uuid import uuid4

from django_sespan import errors
from django_sespan.client import Client
from django_sespan.conf import get_settings
from django_sespan.management.diagnosis import DiagnosisFailed

SERVE = "sespan serve --env-file sespan.env"
TOLERANCE = 10.0
"""Seconds; tokens of the checkout are refused from 30 on, and Date has whole seconds."""


def check() -> str:
    """Ask for a challenge that does not exist: only a correct key gets as far as `unknown`."""
    settings = get_settings()
    client = Client.from_settings(settings)  # in a test run, too, the one that asks the network
    try:
        client.otp_status(str(uuid4()))
    except errors.UnknownChallenge as exc:
        apart = _apart(exc.date)
    except errors.SespanError as exc:
        raise _explain(settings.url, exc) from exc
    else:
        raise _not_sespan(settings.url, "it knows a challenge that does not exist")
    finally:
        client.close()
    if apart > TOLERANCE:
        raise DiagnosisFailed(
            f"The service's clock differs by {apart:.0f} s from this machine's.",
            "Let both follow NTP.",
        )
    return f"{settings.url} answers, the key is accepted, clocks agree"


def _explain(url: str, error: errors.SespanError) -> DiagnosisFailed:
    reason = error.detail.rpartition(": ")[2]
    match error:
        case errors.SespanMisconfigured():
            return DiagnosisFailed(
                f"The service refuses SESPAN['KEY'] (HTTP {error.status}).",
                "sespan keys list shows those that are good; "
                "sespan keys create --role service --name … makes one",
            )
        case errors.SespanInvalidResponse():
            return _not_sespan(url, reason)
        case errors.SespanUnavailable(status=None):
            return DiagnosisFailed(
                f"{url} does not answer ({reason}).",
                f"Start it: {SERVE}; or correct SESPAN['URL'].",
            )
        case _:
            return DiagnosisFailed(
                f"The service is up but cannot work (HTTP {error.status}, {error.slug}).",
                "sespan doctor --env-file sespan.env",
            )


def _not_sespan(url: str, reason: str) -> DiagnosisFailed:
    return DiagnosisFailed(
        f"What answers at {url} is not Sespan ({reason}).",
        "Correct SESPAN['URL']: the public port of sespan serve (SESPAN_HTTP_ADDR).",
    )


def _apart(date: str) -> float:
    try:
        there = parsedate_to_datetime(date)
    except ValueError:
        return 0.0
    if there.tzinfo is None:
        return 0.0
    return abs((datetime.now(UTC) - there).total_seconds())
