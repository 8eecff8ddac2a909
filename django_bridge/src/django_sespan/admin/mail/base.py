"""What the pages about mails share: rights, the alias, and what to say when Sespan is not there."""

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
from django_sespan.mail import people

MANAGE = "sespan.manage_mail"
PREVIEW = "sespan.preview_mail"

Admin = TypeVar("Admin", bound="MailAdmin")
Rest = ParamSpec("Rest")
View = Callable[Concatenate[Admin, HttpRequest, Rest], HttpResponse]


class MailAdmin(ReadOnlyAdmin):
    """Pages of their own in the looks of the admin."""

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
                "may_manage": may(request, MANAGE),
                "may_preview": may(request, PREVIEW),
                **context,
            },
            status=status,
        )

    def allow(self, request: HttpRequest, *rights: str) -> None:
        """Raise PermissionDenied (403) unless this person may see mails and has the rights."""
        if not self.has_view_permission(request) or not may(request, *rights):
            raise PermissionDenied


def may(request: HttpRequest, *rights: str) -> bool:
    """Whether the visitor has all the rights."""
    return all(request.user.has_perm(right) for right in rights)


def actor(request: HttpRequest) -> str:
    """Name of the person, for the audit."""
    return str(request.user.get_username())[:200]


def told(view: View[Admin, Rest]) -> View[Admin, Rest]:
    """Say in words that Sespan's schema is not there or the login lacks a role."""

    @wraps(view)
    def wrapped(
        admin: Admin, request: HttpRequest, /, *args: Rest.args, **kwargs: Rest.kwargs
    ) -> HttpResponse:
        try:
            # A savepoint: what is refused must not break the site's transaction.
            with transaction.atomic(using=admin.using), people.refusals():
                return view(admin, request, *args, **kwargs)
        except people.NotThere as exc:
            reason, mend = str(exc), _("Run “sespan migrate up” on the database of the site.")
        except people.NotAllowed as exc:
            reason = str(exc)
            mend = _("Grant sespan_reader_detail and sespan_admin to the site’s database login.")
        return admin.page(request, "mail_absent.html", {"reason": reason, "mend": mend}, 503)

    return wrapped
