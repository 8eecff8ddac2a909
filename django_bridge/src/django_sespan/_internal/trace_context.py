"""The trace that a call belongs to, in the headers of W3C Trace Context.

Where the site itself traces with OpenTelemetry it is the span that is current; nothing is
imported for it, a site that traces has done so. Else it is the visitor's: the headers that the
browser sent, passed on where they have the form. Baggage is passed on by nobody.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.http import HttpRequest

_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_STATE_MEMBER = re.compile(
    r"[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
)
MAX_STATE = 512
"""Characters of a tracestate that others must take; a longer one is left out."""
MAX_MEMBERS = 32

_visitor: ContextVar[HttpRequest | None] = ContextVar("sespan_trace_visitor", default=None)


@contextmanager
def of_visitor(request: HttpRequest) -> Iterator[None]:
    """Let the calls inside belong to the trace of this visitor's browser."""
    token = _visitor.set(request)
    try:
        yield
    finally:
        _visitor.reset(token)


def headers() -> dict[str, str]:
    """Return the headers of a call that is made now; none without a trace."""
    parent, state = _own() or _visitors()
    if not parent:
        return {}
    return {"traceparent": parent} | ({"tracestate": state} if state else {})


def own_traceparent() -> str | None:
    """Return the site's own span for what is stored; None where the site does not trace."""
    own = _own()
    return own[0] if own else None


def _own() -> tuple[str, str] | None:
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return None
    try:
        span = trace.get_current_span().get_span_context()
        parent = f"00-{span.trace_id:032x}-{span.span_id:016x}-{int(span.trace_flags) & 255:02x}"
        state = span.trace_state.to_header() if span.trace_state else ""
    except Exception:  # noqa: BLE001  # another version of another's module: no call fails for it
        return None
    return (parent, _state(state)) if _TRACEPARENT.fullmatch(parent) else None


def _visitors() -> tuple[str, str]:
    request = _visitor.get()
    if request is None:
        return "", ""
    parent = request.META.get("HTTP_TRACEPARENT", "")
    if not isinstance(parent, str) or not _TRACEPARENT.fullmatch(parent):
        return "", ""
    return parent, _state(request.META.get("HTTP_TRACESTATE", ""))


def _state(given: object) -> str:
    if not isinstance(given, str) or not given or len(given) > MAX_STATE:
        return ""
    members = [member.strip(" \t") for member in given.split(",")]
    if len(members) > MAX_MEMBERS or not all(_STATE_MEMBER.fullmatch(m) for m in members):
        return ""
    return ",".join(members)
