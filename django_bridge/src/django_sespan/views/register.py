"""The registration page."""

from __future__ import annotations

import logging
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.generic import FormView

from django_sespan import errors
from django_sespan._internal import messages
from django_sespan._internal.flows import code_first
from django_sespan._internal.flows.register import register
from django_sespan._internal.flows.send_code import send_code
from django_sespan.adapter import get_adapter
from django_sespan.forms import RegisterForm
from django_sespan.views.base import SespanView

logger = logging.getLogger(__name__)

UNAVAILABLE = 503


class RegisterView(SespanView, FormView):  # type: ignore[type-arg]  # no subscript at run time
    """`register`: save the customer, ask for a code, go to the code form.

    With `code_first=True` the customer is saved only after the code was correct; None takes
    the adapter's attribute.
    """

    form_class = RegisterForm
    template_name = "django_sespan/register.html"
    closed_template_name = "django_sespan/closed.html"
    code_first: bool | None = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Redirect who is logged in; answer 403 when registration is closed."""
        if request.user.is_authenticated:
            return redirect(self.destination(self.safe_next()))
        if not get_adapter().is_open_for_registration(request):
            return render(request, self.closed_template_name, status=403)
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: RegisterForm) -> HttpResponse:
        """Register; when no code can be sent now, the code page offers another try."""
        return self._code_first(form) if self._is_code_first() else self._customer_first(form)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Carry `next` through the form."""
        if self._is_code_first():
            code_first.session_salt(self.request)
        return super().get_context_data(next=self.safe_next(), **kwargs)

    def _is_code_first(self) -> bool:
        return get_adapter().code_first if self.code_first is None else self.code_first

    def _customer_first(self, form: RegisterForm) -> HttpResponse:
        try:
            pending = register(self.request, form, self.safe_next(), self.request.path)
        except errors.SespanError as exc:
            return self._failed(form, exc)
        if pending is None:
            return self.form_invalid(form)
        try:
            send_code(self.request, pending)
        except errors.SespanError as exc:
            messages.log(logger, "No code for a registration", exc)
            pending.notice = messages.for_send(exc)
        pending.store(self.request)
        return redirect("django_sespan:code")

    def _code_first(self, form: RegisterForm) -> HttpResponse:
        try:
            code_first.begin(self.request, form, self.safe_next(), self.request.path)
        except errors.SespanError as exc:
            return self._failed(form, exc)
        return redirect("django_sespan:code")

    def _failed(self, form: RegisterForm, error: errors.SespanError) -> HttpResponse:
        messages.log(logger, "A registration could not begin", error)
        form.add_error(None, messages.for_begin(error))
        response = self.form_invalid(form)
        if not isinstance(error, errors.SespanRefused):
            response.status_code = UNAVAILABLE
        return response
