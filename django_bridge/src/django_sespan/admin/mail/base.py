"""What the mail pages share: the rights, and the actor of a change."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse

from django_sespan.admin.page import PageAdmin, allow, explain_database_errors, has_rights

__all__ = ["MANAGE", "PREVIEW", "MailAdmin", "actor", "explain_database_errors"]

MANAGE = "sespan.manage_mail"
PREVIEW = "sespan.preview_mail"


class MailAdmin(PageAdmin):
    """A page about mails."""

    def page(
        self, request: HttpRequest, template: str, context: dict[str, Any], status: int = 200
    ) -> HttpResponse:
        """Let the template know what this person may do."""
        rights = {
            "may_manage": has_rights(request, MANAGE),
            "may_preview": has_rights(request, PREVIEW),
        }
        return super().page(request, template, {**rights, **context}, status)

    def allow(self, request: HttpRequest, *rights: str) -> None:
        """Raise PermissionDenied (403) unless this person may see mails and has the rights."""
        allow(self, request, *rights)


def actor(request: HttpRequest) -> str:
    """Name of the person, for the audit."""
    return str(request.user.get_username())[:200]
