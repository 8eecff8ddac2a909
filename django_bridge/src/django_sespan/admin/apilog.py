"""The API log."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from django_sespan.admin.columns import key_column, milliseconds_column
from django_sespan.admin.personal import PersonalAdmin
from django_sespan.models import ApiLog

KEY = key_column(ApiLog, "log_id")
LIST_PAGE = "sespan_apilog_changelist"
ELAPSED = milliseconds_column(ApiLog, "elapsed_time")


@admin.register(ApiLog)
class ApiLogAdmin(PersonalAdmin):
    """Every answered call."""

    audit_subject = "api_log"
    list_display = [
        "time_requested",
        "request_type",
        "outcome",
        "status",
        "status_details",
        "ip",
        "customer_number",
        ELAPSED,
        "calls",
    ]
    list_filter = ["request_type", "outcome", "time_requested"]
    search_fields = ["response_id", "customer"]
    search_help_text = _("response id or customer number, whole")
    fields = [
        KEY,
        "response_id",
        "request_type",
        "outcome",
        "status",
        "status_details",
        "ip",
        "customer_number",
        "time_requested",
        "time_responded",
        ELAPSED,
        "request_header",
        "request_body",
        "response_header",
        "response_body",
        "stands_for",
    ]
    readonly_fields = [KEY, ELAPSED]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiLog]:
        """Leave out of the list what it does not show: each body is looked up by itself."""
        rows = super().get_queryset(request)
        if request.resolver_match and request.resolver_match.url_name == LIST_PAGE:
            return rows.defer("request_header", "request_body", "response_header", "response_body")
        return rows

    @admin.display(description=_("stands for"), empty_value="")
    def calls(self, row: ApiLog) -> int | None:
        """How many calls a row of a sampled flood represents; nothing for the others."""
        return row.stands_for if row.stands_for > 1 else None
