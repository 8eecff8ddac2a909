"""Pages that show rows about people: that they were read stands in the audit."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse

from django_sespan._internal.audit import Entry, enter
from django_sespan.admin.page import PageAdmin, explain_database_errors


class PersonalAdmin(PageAdmin):
    """Enters each list and each row that it shows; without the entry nothing is shown."""

    audit_subject = ""

    @explain_database_errors
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list, and enter what was asked for."""
        response = super().changelist_view(request, extra_context)
        detail = request.META.get("QUERY_STRING", "")
        self.enter_read(None, detail)
        return response

    @explain_database_errors
    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the row, and enter which."""
        response = super().change_view(request, object_id, form_url, extra_context)
        if response.status_code == HTTPStatus.OK:  # else there is no such row
            self.enter_read(object_id, "")
        return response

    def enter_read(self, subject_id: str | None, detail: str) -> None:
        """Add the entry; the page is refused where that fails."""
        enter(self.using, Entry("read", self.audit_subject, subject_id, detail=detail or None))
