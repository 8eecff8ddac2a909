"""The audit, to read: for the role admin."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_plus, urlencode

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from django_sespan._internal import customers
from django_sespan.admin import links
from django_sespan.admin.columns import moment_column, tier_value
from django_sespan.admin.page import AdminRolePage, for_admins
from django_sespan.admin.personal import NamedRows, is_key
from django_sespan.models import AuditEntry, TransactionTier

AT = moment_column(AuditEntry, "at")
SHOWN = 3
CUT = 60
UNSAID = {"created_at", "updated_at"}
PAGES = {
    "tier": "transactiontier",
    "mail": "mailmessage",
    "transaction": "transactionlog",
    "api_log": "apilog",
    "code": "otp",
}
"""Subject → whose page has its row."""
PEOPLE = {"role", "user", "activation", "customer"}
"""Subjects whose key is that of a user."""
TIER_FIELDS = {field.name: field for field in TransactionTier._meta.concrete_fields}


@admin.register(AuditEntry)
class AuditAdmin(AdminRolePage):
    """Who changed or read what."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Show names of people."""
        return NamedRows

    def complete(self, request: HttpRequest, rows: list[AuditEntry]) -> None:
        """Look up the people whom entries are about."""
        found = customers.look_up(map(_person, rows), request.user)
        for row in rows:
            row.who = found.get(_person(row) or 0)  # type: ignore[attr-defined]

    list_display = [AT, "person", "deed", "which", "changes"]
    list_filter = ["subject", "action", "way", "at"]
    search_fields = ["actor", "actor_id", "subject_id", "address"]
    search_help_text = _("person, address, or the key of what was changed, whole")
    list_per_page = 50
    fields = [
        AT,
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
    readonly_fields = [AT, "mail_numbers", "difference"]

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
        who = getattr(row, "who", None)
        if who is not None and who.name:
            return links.name_of(who)
        text = f"{row.subject_id} ({name})" if name and row.subject_id else row.subject_id
        if not row.subject_id or row.subject not in PAGES or row.action == "delete":
            return text
        return format_html('<a href="{}">{}</a>', self.url_of_row(row), text)

    def url_of_row(self, row: AuditEntry) -> str:
        """Return the address of the page of what was changed or read."""
        name = f"admin:sespan_{PAGES[row.subject]}_change"
        return reverse(name, args=[row.subject_id], current_app=self.admin_site.name)

    @admin.display(description=_("change"), empty_value="–")
    def changes(self, row: AuditEntry) -> str | None:
        """Sum the differences up in a line."""
        if row.action not in {"update", "grant", "revoke", "found"}:
            detail = row.detail or ""
            return _cut(unquote_plus(detail) if row.action == "read" else detail) or None
        parts = [f"{name}: {before} → {after}" for name, before, after in _differences(row)]
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
        rows = list(_differences(row))
        if not rows:
            return None
        return render_to_string("django_sespan/admin/difference.html", {"rows": rows})


def _person(row: AuditEntry) -> int | None:
    key = row.subject_id or ""
    return int(key) if row.subject in PEOPLE and is_key(key) else None


def _differences(row: AuditEntry) -> Iterator[tuple[str, str, str]]:
    """Give what differs, in the words of the page where it was changed."""
    for name, before, after in row.differences():
        if name in UNSAID:
            continue
        if row.subject != "tier" or name not in TIER_FIELDS:
            yield name, _text(before), _text(after)
        else:
            label = str(TIER_FIELDS[name].verbose_name)
            old, new = (tier_value(name, value) or _text(value) for value in (before, after))
            yield label, old, new


def _text(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value) or "–"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _cut(text: str) -> str:
    return text if len(text) <= CUT else f"{text[:CUT]}…"
