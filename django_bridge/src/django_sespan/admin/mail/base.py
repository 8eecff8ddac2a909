"""What the mail pages share: rights, the alias, and an error page for a missing schema or role."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from django_sespan.admin.base import ReadOnlyAdmin
from django_sespan.conf import get_settings
from django_sespan.mail import queue_admin

MANAGE = "sespan.manage_mail"
PREVIEW = "sespan.preview_mail"

Admin = TypeVar("Admin", bound="MailAdmin")
Rest = ParamSpec("Rest")
View = Callable[Concatenate[Admin, HttpRequest, Rest], HttpResponse]


class MailAdmin(ReadOnlyAdmin):
    """Pages of their own in the admin's style."""

    @property
    def using(self) -> str:
        """Alias of the database where Sespan lives."""
        return get_settings().database

    def page(
        self, request: HttpRequest, template: str, context: dict[str, Any], status: int = 200
    ) -> HttpResponse:
        """Answer with `templates/django_sespan/admin/<template>`."""
        request.current_app = self.admin_site.name
        return TemplateResponse(
            request,
            f"django_sespan/admin/{template}",
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "may_manage": has_rights(request, MANAGE),
                "may_preview": has_rights(request, PREVIEW),
                **context,
            },
            status=status,
        )

    def allow(self, request: HttpRequest, *rights: str) -> None:
        """Raise PermissionDenied (403) unless this person may see mails and has the rights."""
        if not self.has_view_permission(request) or not has_rights(request, *rights):
            raise PermissionDenied


def has_rights(request: HttpRequest, *rights: str) -> bool:
    """Whether the visitor has all the rights."""
    return all(request.user.has_perm(right) for right in rights)


def actor(request: HttpRequest) -> str:
    """Name of the person, for the audit."""
    return str(request.user.get_username())[:200]


def explain_database_errors(view: View[Admin, Rest]) -> View[Admin, Rest]:
    """Answer 503 with an explanation when Sespan's schema or a role of the login is missing."""

    @wraps(view)
    def wrapped(
        admin: Admin, request: HttpRequest, /, *args: Rest.args, **kwargs: Rest.kwargs
    ) -> HttpResponse:
        try:
            # A savepoint: what is refused must not break the site's transaction.
            with transaction.atomic(using=admin.using), queue_admin.translated_errors():
                return view(admin, request, *args, **kwargs)
        except queue_admin.SchemaMissing as exc:
            reason, remedy = str(exc), _("Run “sespan migrate up” on the database of the site.")
        except queue_admin.RoleMissing as exc:
            reason = str(exc)
            remedy = _("Grant sespan_reader_detail and sespan_admin to the site’s database login.")
        return admin.page(
            request, "mail_unavailable.html", {"reason": reason, "remedy": remedy}, 503
        )

    return wrapped
