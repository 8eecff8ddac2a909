"""Pages of their own in the admin's style: rights, the alias, what hinders a page."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar

import django
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from django_sespan._internal.audit import audited
from django_sespan._internal.installation import roles_of_site
from django_sespan._internal.people import comparing
from django_sespan._internal.staff import ROLES
from django_sespan.admin.base import ReadOnlyAdmin
from django_sespan.conf import get_settings
from django_sespan.mail import queue_admin

Admin = TypeVar("Admin", bound="PageAdmin")
RoleAdmin = TypeVar("RoleAdmin", bound="AdminRolePage")
Rest = ParamSpec("Rest")
View = Callable[Concatenate[Admin, HttpRequest, Rest], HttpResponse]


class Tool(NamedTuple):
    """A button beside the title of a page."""

    url: str
    text: str
    adds: bool = False


class PageAdmin(ReadOnlyAdmin):
    """A model whose pages are templates of the bridge."""

    @property
    def using(self) -> str:
        """Alias of the database where Sespan lives."""
        return get_settings().database

    def page(
        self, request: HttpRequest, template: str, context: dict[str, Any], status: int = 200
    ) -> HttpResponse:
        """Answer with `templates/django_sespan/admin/<template>`."""
        request.current_app = self.admin_site.name
        common = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "is_list": request.path == self.url_of("changelist"),
            "is_newer_admin": django.VERSION >= (6, 1),
        }
        return TemplateResponse(
            request, f"django_sespan/admin/{template}", {**common, **context}, status=status
        )

    def url_of(self, name: str, model: str = "") -> str:
        """Return the address of a page of this model, or of another one of Sespan's."""
        model = model or self.opts.model_name or ""
        return reverse(f"admin:sespan_{model}_{name}", current_app=self.admin_site.name)


class AdminRolePage(PageAdmin):
    """A page for the role admin; with it the people are compared when that is due."""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether this person administers Sespan."""
        return bool(request.user.has_perm(ROLES["admin"]))

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whether it stands in the index."""
        return self.has_view_permission(request)


def for_admins(view: View[RoleAdmin, Rest]) -> View[RoleAdmin, Rest]:
    """Answer 403 with a page that says whom to ask, also for a form whose sender lost the role."""

    @wraps(view)
    def wrapped(
        admin: RoleAdmin, request: HttpRequest, /, *args: Rest.args, **kwargs: Rest.kwargs
    ) -> HttpResponse:
        if not admin.has_view_permission(request):
            context = {"title": _("Not for this login"), "role": "admin"}
            return admin.page(request, "forbidden.html", context, 403)
        comparing.when_due()
        return view(admin, request, *args, **kwargs)

    return explain_database_errors(wrapped)


def allow(admin: PageAdmin, request: HttpRequest, *rights: str) -> None:
    """Raise PermissionDenied (403) unless this person may see the page and has the rights."""
    if not admin.has_view_permission(request) or not has_rights(request, *rights):
        raise PermissionDenied


def has_rights(request: HttpRequest, *rights: str) -> bool:
    """Whether the visitor has all the rights."""
    return all(request.user.has_perm(right) for right in rights)


def explain_database_errors(view: View[Admin, Rest]) -> View[Admin, Rest]:
    """Answer 503 with an explanation when Sespan's schema or a role of the login is missing."""

    @wraps(view)
    def wrapped(
        admin: Admin, request: HttpRequest, /, *args: Rest.args, **kwargs: Rest.kwargs
    ) -> HttpResponse:
        try:
            # A savepoint: what is refused must not break the site's transaction.
            with queue_admin.translated_errors(), audited(request):
                return view(admin, request, *args, **kwargs)
        except queue_admin.SchemaMissing as exc:
            reason, remedy = str(exc), _("Run “sespan migrate up” on the database of the site.")
        except queue_admin.RoleMissing as exc:
            reason = str(exc)
            named = roles_of_site("reader_detail", "admin")
            remedy = _("Grant %(roles)s to the site’s database login.") % {
                "roles": ", ".join(named)
            }
        return admin.page(request, "unavailable.html", {"reason": reason, "remedy": remedy}, 503)

    return wrapped
