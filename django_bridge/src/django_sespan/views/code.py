"""The code form and its resend button."""

from __future__ import annotations

import logging
import time
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render, resolve_url
from django.views.generic import FormView

from django_sespan import errors
from django_sespan._internal import messages
from django_sespan._internal.flows import code_first, double_submit, log_in_by_code
from django_sespan._internal.flows.pending_code import PendingCode
from django_sespan._internal.flows.restart import restart
from django_sespan._internal.flows.send_code import resend_code, take_up
from django_sespan._internal.flows.verify_code import verify_code
from django_sespan._internal.responses import Verified
from django_sespan.forms import CodeForm
from django_sespan.views.base import SespanView, login_url

logger = logging.getLogger(__name__)

POLL_SECONDS = (0, 0.1, 0.2, 0.4)
"""Seconds for which a second submit waits until the first one has created the customer."""


class PendingCodeView(SespanView):
    """A page that needs a pending code in the session."""

    pending: PendingCode

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Go to `resume` when the session has no pending code; redirect who is logged in."""
        pending = PendingCode.from_session(request)
        if pending is None and request.user.is_authenticated:
            return redirect(self.destination())
        if pending is None:
            return self._unknown(request)
        self.pending = pending
        return super().dispatch(request, *args, **kwargs)

    def _unknown(self, request: HttpRequest) -> HttpResponse:
        destination = double_submit.find_destination(request)
        if destination is None:
            return redirect("django_sespan:resume")
        return self.verified(destination)


class CodeView(PendingCodeView, FormView):  # type: ignore[type-arg]  # no subscript at run time
    """`code`: enter the code, be activated and logged in."""

    form_class = CodeForm
    template_name = "django_sespan/code.html"
    conflict_template_name = "django_sespan/conflict.html"

    def get_form_kwargs(self) -> dict[str, Any]:
        """Pass which registration is under way."""
        return {**super().get_form_kwargs(), "subject": self.pending.subject}

    def form_valid(self, form: CodeForm) -> HttpResponse:
        """Verify, log in, redirect."""
        try:
            take_up(self.request, self.pending)
            answer = verify_code(self.request, self.pending, form.cleaned_data["code"])
            if self.pending.code_first:
                self._create(answer)
            elif self.pending.is_login:
                log_in_by_code.finish(self.pending, answer)
        except code_first.Conflict as conflict:
            return self._conflict(conflict)
        except errors.SespanError as exc:
            return self._refused(form, exc)
        return self.enter(self.pending)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the state of the challenge; a notice is shown once."""
        notice = self.pending.notice
        if notice:
            self.pending.notice = ""
            self.pending.store(self.request)
        return super().get_context_data(
            notice=notice, login_url=login_url(), **self.pending.context(), **kwargs
        )

    def _create(self, answer: Verified | None) -> None:
        if answer is not None:
            try:
                code_first.finish(self.request, self.pending, answer.data or {})
            except errors.SespanInvalidResponse as exc:
                # The form is given back once: there is no second try with this code.
                logger.exception("A sealed registration cannot be read")
                raise errors.OTPUsed(exc.detail) from exc
            return
        for seconds in POLL_SECONDS:
            time.sleep(seconds)
            if code_first.adopt_created(self.pending):
                return
        raise errors.OTPUsed("the sealed form was already taken")

    def _refused(self, form: CodeForm, error: errors.SespanError) -> HttpResponse:
        messages.log(logger, "A code was not accepted", error)
        self.pending.store(self.request)
        lost = self.pending.code_first and isinstance(error, errors.OTPUsed)
        form.add_error("code", messages.lost() if lost else messages.for_verify(error))
        over = lost or isinstance(error, errors.RegistrationReplaced)
        response = self.render_to_response(self.get_context_data(form=form, over=over))
        if isinstance(error, errors.SespanUnavailable | errors.SespanMisconfigured):
            response.status_code = 503
        return response

    def _conflict(self, conflict: code_first.Conflict) -> HttpResponse:
        """Show the form again: the address is verified, another value was taken meanwhile."""
        logger.info("A registration was overtaken before its code: %s", conflict.form.errors)
        PendingCode.remove(self.request)
        context = {
            "form": conflict.form,
            "has_account": conflict.has_account,
            "login_url": login_url(),
            "register_url": self.pending.register_url,
            "next": self.pending.next_url,
        }
        return render(self.request, self.conflict_template_name, context, status=409)


class RestartView(PendingCodeView):
    """`restart`: the address was wrong; forget this registration and begin anew."""

    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest) -> HttpResponse:
        """End it, and go to the form in which it began."""
        restart(request, self.pending)
        url = self.pending.register_url or resolve_url("django_sespan:register")
        query = urlencode({"next": self.pending.next_url}) if self.pending.next_url else ""
        return redirect(f"{url}?{query}" if query else url)


class ResendView(PendingCodeView):
    """`resend`: another code, then back to the form."""

    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest) -> HttpResponse:
        """Ask for it; the result is shown on the code page."""
        try:
            resend_code(request, self.pending)
        except errors.SespanError as exc:
            messages.log(logger, "No code was resent", exc)
            self.pending.notice = messages.for_send(exc)
        else:
            self.pending.notice = messages.sent()
        self.pending.store(request)
        return redirect("django_sespan:code")
