"""Asks Sespan for everything on the dashboard: the calls side by side, within one time limit."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django_sespan import errors
from django_sespan._internal import messages
from django_sespan.client import Client
from django_sespan.conf import get_settings

logger = logging.getLogger(__name__)

NAMES = ("api_hits", "codes", "outcomes", "transactions", "mail")
"""What is asked for: `Client.stats_<name>`."""


@dataclass(frozen=True)
class Question:
    """The range [since, until) and its step."""

    since: date | datetime
    until: date | datetime
    step: str


GRACE = 1.0
"""Seconds beyond the client's own limit: a call that was repeated, or waited for a connection."""

Answers = dict[str, Any]
"""Name → what came: an answer, or the SespanError in its place."""


def gather(client: Client, question: Question, names: Iterable[str] = NAMES) -> Answers:
    """Ask for all at once. What fails or comes late is an error beside the other answers."""
    asked = {name: getattr(client, f"stats_{name}") for name in names}
    deadline = time.monotonic() + get_settings().timeout + GRACE
    pool = ThreadPoolExecutor(len(asked), thread_name_prefix="sespan-dashboard")
    try:
        futures = {
            name: pool.submit(call, since=question.since, until=question.until, step=question.step)
            for name, call in asked.items()
        }
        return {name: _answer(name, future, deadline) for name, future in futures.items()}
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # each call ends by its own timeout


def _answer(name: str, future: Future[Any], deadline: float) -> Any:
    try:
        return future.result(max(deadline - time.monotonic(), 0))
    except errors.SespanError as exc:
        error = exc
    except FutureTimeoutError:
        error = errors.SespanUnavailable("no answer in time")
    messages.log(logger, f"No {name} for the dashboard", error)
    return error


def failed(answers: Answers, kind: type[errors.SespanError] = errors.SespanError) -> list[Any]:
    """Return the errors among the answers."""
    return [answer for answer in answers.values() if isinstance(answer, kind)]
