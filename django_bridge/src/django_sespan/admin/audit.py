"""The audit, to read: for the role admin."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from django_sespan.admin.page import AdminRolePage, for_admins
from django_sespan.models import AuditEntry

SHOWN = 3
CUT = 60
UNSAID = {"created_at", "updated_at"}


@admin.register(AuditEntry)
class AuditAdmin(AdminRolePage):
    """Who changed or read what."""

    list_display = ["at", "person", "deed", "which", "changes"]
    list_filter = ["subject", "action", "way", "at"]
    search_fields = ["actor", "actor_id", "subject_id", "address"]
    search_help_text = _("person, address, or the key of what was changed, whole")
    list_per_page = 50
    fields = [
        "at",
        "actor",
        "actor_id",
        "way",
        "address",
        "login",
        "action",
        "subject",
        "subject_id",
        "detail",
        "mail_numbers",
        "difference",
    ]
    readonly_fields = ["mail_numbers", "difference"]

    @for_admins
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the newest entries."""
        return super().changelist_view(request, {"title": _("Audit"), **(extra_context or {})})

    @for_admins
    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show one entry."""
        return super().change_view(request, object_id, form_url, extra_context)

    @admin.display(description=_("who"), ordering="actor")
    def person(self, row: AuditEntry) -> str:
        """Lead to all that this person did; through what and from where stand below."""
        where = " · ".join(filter(None, (row.get_way_display(), row.address)))
        return format_html(
            '<a href="?{}">{}</a><br><span class="quiet">{}</span>',
            urlencode({"actor": row.actor}),
            row.actor,
            where,
        )

    @admin.display(description=_("action"), ordering="action")
    def deed(self, row: AuditEntry) -> str:
        """Show what was done to what kind of thing."""
        return f"{row.get_action_display()}: {row.get_subject_display()}"

    @admin.display(description=_("which"), empty_value="–")
    def which(self, row: AuditEntry) -> str | None:
        """Show the key, with a name where the entry has one."""
        values = row.after or row.before or {}
        name = values.get("name") or values.get("username") if isinstance(values, dict) else None
        return f"{row.subject_id} ({name})" if name and row.subject_id else row.subject_id

    @admin.display(description=_("change"), empty_value="–")
    def changes(self, row: AuditEntry) -> str | None:
        """Sum the differences up in a line."""
        if row.action not in {"update", "grant", "revoke", "found"}:
            return _cut(row.detail or "") or None
        parts = [
            f"{name}: {_text(before)} → {_text(after)}"
            for name, before, after in row.differences()
            if name not in UNSAID
        ]
        more = f" +{len(parts) - SHOWN}" if len(parts) > SHOWN else ""
        return "; ".join(map(_cut, parts[:SHOWN])) + more or row.detail

    @admin.display(description=_("mails"), empty_value="–")
    def mail_numbers(self, row: AuditEntry) -> str | None:
        """Name the mails that were changed or shown."""
        numbers: Any = row.ids
        return ", ".join(map(str, numbers)) or None

    @admin.display(description=_("difference"), empty_value="–")
    def difference(self, row: AuditEntry) -> str | None:
        """Show before and after side by side."""
        rows = [(name, _text(before), _text(after)) for name, before, after in row.differences()]
        if not rows:
            return None
        return render_to_string("django_sespan/admin/difference.html", {"rows": rows})


def _text(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value) or "–"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _cut(text: str) -> str:
    return text if len(text) <= CUT else f"{text[:CUT]}…"
