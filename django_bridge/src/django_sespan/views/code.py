"""The code form and its resend button."""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render, resolve_url
from django.views.generic import FormView

from django_sespan import errors, messages
from django_sespan.flows.log_in import log_in
from django_sespan.flows.pending import Pending
from django_sespan.flows.resend import resend
from django_sespan.flows.verify_code import verify_code
from django_sespan.forms import CodeForm
from django_sespan.views.base import SespanView

logger = logging.getLogger(__name__)


class PendingView(SespanView):
    """A page that needs a pending code in the session."""

    pending: Pending

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Explain an expired session; send a second tab or a double click on its way."""
        pending = Pending.of(request)
        if pending is None and request.user.is_authenticated:
            return redirect(self.destination())
        if pending is None:
            response = render(request, "django_sespan/expired.html", {"login_url": _login_url()})
            response.headers["Referrer-Policy"] = "no-referrer, same-origin"
            return response
        self.pending = pending
        return super().dispatch(request, *args, **kwargs)


class CodeView(PendingView, FormView):  # type: ignore[type-arg]  # no subscript at run time
    """`code`: enter the code, be activated and logged in."""

    form_class = CodeForm
    template_name = "django_sespan/code.html"

    def form_valid(self, form: CodeForm) -> HttpResponse:
        """Verify, log in, go on."""
        try:
            verify_code(self.request, self.pending, form.cleaned_data["code"])
        except errors.SespanError as exc:
            messages.log(logger, "A code was not accepted", exc)
            if isinstance(exc, errors.OTPIncorrect | errors.OTPLocked):
                self.pending.store(self.request)
            form.add_error("code", messages.for_verify(exc))
            response = self.form_invalid(form)
            if isinstance(exc, errors.SespanUnavailable | errors.SespanMisconfigured):
                response.status_code = 503
            return response
        if log_in(self.request, self.pending) is None:
            return redirect(_login_url())
        return redirect(self.destination(self.pending.next_url))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Show where the challenge stands; a notice is shown once."""
        notice = self.pending.notice
        if notice:
            self.pending.notice = ""
            self.pending.store(self.request)
        return super().get_context_data(notice=notice, **self.pending.context(), **kwargs)


class ResendView(PendingView):
    """`resend`: another code, then back to the form."""

    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest) -> HttpResponse:
        """Ask for it; whatever happens is said on the code page."""
        try:
            resend(request, self.pending)
        except errors.SespanError as exc:
            messages.log(logger, "No code was resent", exc)
            self.pending.notice = str(messages.for_send(exc))
        else:
            self.pending.notice = str(messages.sent())
        self.pending.store(request)
        return redirect("django_sespan:code")


def _login_url() -> str:
    return resolve_url(settings.LOGIN_URL)
