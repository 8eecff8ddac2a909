"""Pages of people with a role: who may open them, and what is shown to the others."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.template.response import TemplateResponse
from django.utils.decorators import decorator_from_middleware
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from django_sespan import errors
from django_sespan._internal import messages
from django_sespan._internal.atomicity import non_atomic
from django_sespan._internal.audit import acting
from django_sespan._internal.people import comparing
from django_sespan._internal.staff import roles_of, staff_token
from django_sespan._internal.tokens import LIFE_SECONDS
from django_sespan.client import Client, get_client
from django_sespan.client_ip import client_ip
from django_sespan.views.base import REFERRER_POLICY, login_url
from django_sespan.views.checkout import problem
from django_sespan.views.visitor import VisitorView

logger = logging.getLogger(__name__)


class _StaffCsrf(CsrfViewMiddleware):
    """Django's check; a page that was open for too long is told so."""

    def _reject(self, request: HttpRequest, reason: str) -> HttpResponse:
        super()._reject(request, reason)  # type: ignore[misc]  # logs it
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path(), login_url())
        return _page(request, "expired", 403).render()


class StaffView(VisitorView):
    """A page for people with `role` (or the role admin), which asks Sespan as that person.

    Whoever is not logged in goes to the login page and comes back. Without the role: 403 and a
    page that says whom to ask. A SespanUnavailable that `get` or `post` raises: 503 and a page
    that says so. The view runs in no transaction, and stands in no cache.
    """

    role = "admin"
    request: HttpRequest

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., HttpResponseBase]:
        """Wrap here, not `dispatch`: a subclass that overrides dispatch must not lose it."""
        checked = decorator_from_middleware(_StaffCsrf)(super().as_view(**initkwargs))
        return login_not_required(non_atomic(csrf_exempt(never_cache(checked))))  # checked inside

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Check the person, then show the page or what hinders it."""
        response = self._checked(request, *args, **kwargs)
        response.headers["Referrer-Policy"] = REFERRER_POLICY
        return response

    def _checked(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path(), login_url())
        self.roles = roles_of(request.user)
        if not {self.role, "admin"} & set(self.roles):
            return _page(request, "forbidden", 403, role=self.role)
        try:
            with acting(request):
                comparing.when_due()
                return super().dispatch(request, *args, **kwargs)
        except errors.SespanError as exc:  # a refusal that the page did not expect, too
            messages.log(logger, f"No answer for {request.path}", exc)
        except ImproperlyConfigured:
            logger.exception("No staff token could be made")
        return _page(request, "unavailable", 503)

    @property
    def staff(self) -> Client:
        """The client that calls as this person; its token lives five minutes."""
        return get_client().as_staff(staff_token(self.request.user, client_ip(self.request)))


def _page(request: HttpRequest, name: str, status: int, **context: Any) -> TemplateResponse:
    path = request.get_full_path()
    context |= {
        "path": path,
        "name": request.user.get_username(),
        "login_url": redirect_to_login(path, login_url()).url,
    }
    return TemplateResponse(request, f"django_sespan/staff/{name}.html", context, status=status)


class StaffTokenView(VisitorView):
    """`staff-token`: POST → {token, expires_at, roles}, for whoever has a role."""

    http_method_names = ["post", "options"]

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., HttpResponseBase]:
        """Check CSRF even where the site has no middleware for it; who it is, `post` looks."""
        return login_not_required(csrf_protect(super().as_view(**initkwargs)))

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Keep the token out of every cache."""
        response = super().dispatch(request, *args, **kwargs)
        response.headers["Cache-Control"] = "no-store"
        return response

    def post(self, request: HttpRequest) -> JsonResponse:
        """Check the person, then mint."""
        if not request.user.is_authenticated:
            return problem(401, "unauthorized", gettext("Please log in to go on."))
        roles = roles_of(request.user)
        if not roles:
            return problem(403, "forbidden", gettext("You have no role here. Ask an admin."))
        expires = datetime.now(UTC) + timedelta(seconds=LIFE_SECONDS)
        try:
            token = staff_token(request.user, client_ip(request))
        except ImproperlyConfigured:
            logger.exception("No staff token could be made")
            return problem(503, "unavailable", gettext("The service cannot be reached just now."))
        return JsonResponse(
            {
                "token": token,
                "expires_at": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "roles": list(roles),
            }
        )
