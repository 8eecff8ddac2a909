"""What the pages share."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages as notes
from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_not_required
from django.contrib.sessions.backends.base import UpdateError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware
from django.shortcuts import redirect, render, resolve_url
from django.utils.decorators import decorator_from_middleware
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters

from django_sespan import errors, known_browser
from django_sespan._internal import destination, messages
from django_sespan._internal.atomicity import non_atomic
from django_sespan._internal.flows import double_submit
from django_sespan._internal.flows.log_in import log_in
from django_sespan._internal.flows.pending_code import REGISTRATION, PendingCode
from django_sespan._internal.flows.send_code import send_code
from django_sespan._internal.trace_context import of_visitor
from django_sespan.adapter import get_adapter
from django_sespan.views.visitor import VisitorView

logger = logging.getLogger(__name__)

REFERRER_POLICY = "no-referrer, same-origin"
"""No other site learns where the visitor was. A browser takes the last policy it knows:
under plain `no-referrer` it would send the form with `Origin: null`, which Django's CSRF
check refuses."""


class PageCsrf(CsrfViewMiddleware):
    """Django's check, with a way on for the tab that was open before the login.

    A login changes the token, so the forms of other tabs are refused. Whoever is logged in
    has nothing left to do on these pages: the page itself sends them on.
    """

    def _reject(self, request: HttpRequest, reason: str) -> HttpResponse:
        refused: HttpResponse = super()._reject(request, reason)  # type: ignore[misc]
        return redirect(request.path) if request.user.is_authenticated else refused


csrf_checked = decorator_from_middleware(PageCsrf)


class SespanView(VisitorView):
    """A page that calls Sespan: in no transaction, in no cache, masked in error reports."""

    needs = ("session", "user")
    success_url: Any = None
    verified_template_name = "django_sespan/verified.html"

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., HttpResponseBase]:
        """Wrap here, not `dispatch`: a subclass that overrides dispatch must not lose it."""
        view = super().as_view(**initkwargs)
        checked = never_cache(csrf_checked(sensitive_post_parameters()(view)))
        # CSRF and the login are this page's own concern, not that of the site's middleware.
        return login_not_required(non_atomic(csrf_exempt(checked)))

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Add the headers."""
        response = super().dispatch(request, *args, **kwargs)
        response.headers["Referrer-Policy"] = REFERRER_POLICY
        return response if self._is_kept() else self._renewed()

    def _is_kept(self) -> bool:
        """Save the session while there is still another answer; False where it has another key.

        Another request has logged in meanwhile. Django's middleware would find out after this page
        and answer a bare 400.
        """
        session = self.request.session
        sent = self.request.COOKIES.get(settings.SESSION_COOKIE_NAME)
        if not session.modified or session.session_key != sent or session.is_empty():
            return True
        try:
            session.save()
        except UpdateError:
            return False
        session.modified = session.session_key != sent  # as where the cookie holds the session
        return True

    def _renewed(self) -> HttpResponse:
        """End in the result of the request that renewed the session; its cookie is left alone."""
        destination = double_submit.find_destination(self.request)
        self.request.COOKIES.pop(settings.SESSION_COOKIE_NAME, None)
        self.request.session = type(self.request.session)()
        if destination is None:
            return redirect("django_sespan:code")
        return self.verified(destination)

    def verified(self, destination: str) -> HttpResponse:
        """Say that the address is confirmed; a session that has ended logs nobody in."""
        context = {"destination": destination, "login_url": login_url()}
        return render(self.request, self.verified_template_name, context)

    def destination(self, url: str = "") -> str:
        """Where a logged-in customer goes on."""
        return url or resolve_url(self.success_url or settings.LOGIN_REDIRECT_URL)

    def safe_next(self) -> str:
        """Return `?next=` when it stays on this site."""
        return destination.of(self.request)

    def enter(self, pending: PendingCode) -> HttpResponse:
        """Log a verified customer in and send them on; to the login page where that may not be."""
        before, url = self.request.session.session_key, self.destination(pending.next_url)
        double_submit.remember(before, url)  # first: the login ends the session of this key
        user = log_in(self.request, pending)
        if user is None:
            double_submit.forget(before)
            return redirect(login_url())
        if pending.purpose == REGISTRATION:
            notes.success(self.request, messages.welcome(), fail_silently=True)
        chosen = get_adapter().success_url(self.request, user)
        if chosen:
            url = resolve_url(chosen)
            double_submit.remember(before, url)
        response = redirect(url)
        email = str(getattr(user, get_user_model().get_email_field_name(), "") or "")
        known_browser.remember(self.request, response, email)
        return response


def ask_for_code(request: HttpRequest, pending: PendingCode) -> HttpResponse:
    """Ask for a code after a correct password; an error is shown on the code page."""
    try:
        with of_visitor(request):
            send_code(request, pending)
    except errors.SespanError as exc:
        messages.log(logger, "No code for a resumed registration", exc)
        pending.notice = messages.for_send(exc)
    else:
        pending.notice = messages.confirm_first()
    pending.store(request)
    return redirect("django_sespan:code")


def login_url() -> str:
    """Return the site's login page."""
    return resolve_url(settings.LOGIN_URL)
