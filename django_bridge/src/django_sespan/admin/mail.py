"""Mails and the queue."""

from __future__ import annotations

from django.contrib import admin
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from django_sespan.admin.base import ReadOnlyAdmin
from django_sespan.models import MailMessage, MailQueue


@admin.register(MailMessage)
class MailMessageAdmin(ReadOnlyAdmin):
    """What was queued, and how its recipients fared."""

    list_display = [
        "message_id",
        "created_at",
        "category",
        "to",
        "subject",
        "pending",
        "sent",
        "dead",
        "finished_at",
    ]
    list_filter = ["created_at"]
    search_fields = ["message_id", "category"]
    search_help_text = _("number or category of the mail, whole")
    fields = [
        "message_id",
        "created_at",
        "category",
        "sender",
        "to",
        "cc",
        "subject",
        "priority",
        "send_at",
        "expires_at",
        "size_bytes",
        "recipient_states",
        "finished_at",
    ]

    @admin.display(description=_("to"))
    def to(self, row: MailMessage) -> str:
        """Join the addresses of the To header."""
        return ", ".join(row.to_addresses)

    @admin.display(description=_("Cc"))
    def cc(self, row: MailMessage) -> str:
        """Join the addresses of the Cc header."""
        return ", ".join(row.cc_addresses)

    @admin.display(description=_("recipients"))
    def recipient_states(self, row: MailMessage) -> SafeString:
        """List each recipient with its state and the server's words."""
        rows = ((r.recipient, r.state, r.reason or "", r.reply or "") for r in row.recipient_rows())
        return format_html_join("", "<div>{}: <strong>{}</strong> {} {}</div>", rows)


@admin.register(MailQueue)
class MailQueueAdmin(ReadOnlyAdmin):
    """What still waits, and why."""

    list_display = [
        "queue_id",
        "recipient",
        "state",
        "attempts",
        "due_at",
        "last_reason",
        "last_code",
        "created_at",
    ]
    list_filter = ["state"]
    search_fields = ["recipient", "message_id"]
    search_help_text = _("recipient or number of the mail, whole")
    fields = [
        "queue_id",
        "message_id",
        "recipient",
        "state",
        "attempts",
        "priority",
        "due_at",
        "created_at",
        "tried_at",
        "last_reason",
        "last_code",
        "last_reply",
    ]
