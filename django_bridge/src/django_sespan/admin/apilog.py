"""The API log."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_sespan._internal.words import OUTCOMES, word
from django_sespan.admin import links
from django_sespan.admin.columns import key_column, milliseconds_column, moment_column
from django_sespan.admin.personal import PersonalAdmin
from django_sespan.models import ApiLog

KEY = key_column(ApiLog, "log_id")
LIST_PAGE = "sespan_apilog_changelist"
ELAPSED = milliseconds_column(ApiLog, "elapsed_time")
REQUESTED = moment_column(ApiLog, "time_requested")
RESPONDED = moment_column(ApiLog, "time_responded")
BODIES = ("request_body", "response_body")
TIME_ORDERED = 7
"""The version of a UUID that begins with its time."""


@admin.register(ApiLog)
class ApiLogAdmin(PersonalAdmin):
    """Every answered call."""

    audit_subject = "api_log"
    list_display = [
        REQUESTED,
        "request_type",
        "customer_name",
        "result",
        "ip",
        ELAPSED,
        "calls",
    ]
    list_filter = ["request_type", "outcome", "time_requested"]
    search_fields = ["customer"]
    search_help_text = _(
        "name, address or number of a customer, address of a visitor (IP), or a whole response id"
    )
    fieldsets = [
        (
            None,
            {
                "fields": [
                    "customer_name",
                    "request_type",
                    "result",
                    REQUESTED,
                    ELAPSED,
                    "ip",
                    "see_also",
                ]
            },
        ),
        (
            _("Technical details"),
            {
                "fields": [
                    "status",
                    "request_header",
                    "request_body",
                    "response_header",
                    "response_body",
                    RESPONDED,
                    "stands_for",
                    "response_id",
                    KEY,
                ]
            },
        ),
    ]
    readonly_fields = [
        KEY,
        ELAPSED,
        REQUESTED,
        RESPONDED,
        "customer_name",
        "see_also",
        "result",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiLog]:
        """Leave out of the list what it does not show: each body is looked up by itself."""
        rows = super().get_queryset(request)
        if request.resolver_match and request.resolver_match.url_name == LIST_PAGE:
            return rows.defer("request_header", "response_header", *BODIES)
        return rows

    def exactly(self, term: str) -> Q | None:
        """Find a response by its id, and calls by where they came from."""
        try:
            return _of_response(UUID(term))
        except ValueError:
            pass
        try:
            return Q(ip=str(ip_address(term)))
        except ValueError:
            return super().exactly(term)

    def complete(self, request: HttpRequest, rows: list[ApiLog]) -> None:
        """Add the names that were typed where no customer is known: in failed logins."""
        super().complete(request, rows)
        for row in rows:
            row.typed = ""  # type: ignore[attr-defined]
        nameless = [r for r in rows if r.request_type == "Login" and r.customer_id is None]
        bodies = _request_bodies(nameless, self.using)
        for row in nameless:
            row.typed = str(_read(bodies.get(row.response_id, "")).get("username", ""))  # type: ignore[attr-defined]

    def related(self, row: Any) -> list[links.Link | None]:
        """Lead to the draw or the code of the call."""
        answer = _read(row.response_body)
        found = []
        if number := str(answer.get("transaction_id", "")):
            found.append(links.to_row(row.request, "transactionlog", number, _("This draw")))
        if challenge := str(answer.get("challenge_id", "")):
            found.append(links.to_list(row.request, "otp", challenge, _("The codes of this call")))
        return found

    @admin.display(description=_("customer"), ordering="customer_id", empty_value="–")
    def customer_name(self, row: Any) -> str | None:
        """Show who it is; of a failed login, the name that was typed."""
        if row.who is None and row.typed:
            return gettext("“%(name)s” was typed") % {"name": row.typed}
        return super().customer_name(row)

    @admin.display(description=_("result"), ordering="outcome")
    def result(self, row: ApiLog) -> str:
        """Say how it ended; below, the service's word for what was wrong."""
        said = word(row.outcome, OUTCOMES)
        detail = format_html('<span class="quiet sespan-below">{}</span>', row.status_details)
        return format_html("{}{}", said, detail if row.status_details else "")

    @admin.display(description=_("stands for"), empty_value="")
    def calls(self, row: ApiLog) -> str | None:
        """How many calls a row of a sampled flood represents; nothing for the others."""
        return f"× {row.stands_for}" if row.stands_for > 1 else None


def _of_response(response: UUID) -> Q:
    """Name the moment too, as the response's id has it: the log's key begins with the time."""
    if response.version != TIME_ORDERED:
        return Q(response_id=response)
    first = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=response.int >> 80)
    after = first + timedelta(milliseconds=1)
    return Q(response_id=response, time_requested__gte=first, time_requested__lt=after)


def _request_bodies(rows: list[ApiLog], using: str) -> dict[UUID, str]:
    """Look up the bodies of a page's rows: one condition, which names their times."""
    if not rows:
        return {}
    keys = Q()
    for row in rows:
        keys |= Q(time_requested=row.time_requested, response_id=row.response_id)
    found = ApiLog._default_manager.using(using).filter(keys)
    return dict(found.values_list("response_id", "request_body"))


def _read(body: str) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:  # cut, or no JSON
        return {}
    return value if isinstance(value, dict) else {}
