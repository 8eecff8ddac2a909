"""The registration page."""

from __future__ import annotations

import logging
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.views.generic import FormView

from django_sespan import errors, messages
from django_sespan.flows.register import register
from django_sespan.flows.send_code import send_code
from django_sespan.forms import RegisterForm
from django_sespan.views.base import SespanView

logger = logging.getLogger(__name__)


class RegisterView(SespanView, FormView):  # type: ignore[type-arg]  # no subscript at run time
    """`register`: create the customer, ask for a code, go to the code form."""

    form_class = RegisterForm
    template_name = "django_sespan/register.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Send those who are logged in on their way."""
        if request.user.is_authenticated:
            return redirect(self.destination(self.safe_next()))
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: RegisterForm) -> HttpResponse:
        """Register; when no code can be sent now, the code page says so and offers another try."""
        pending = register(self.request, form, self.safe_next())
        if pending is None:
            return self.form_invalid(form)
        try:
            send_code(self.request, pending)
        except errors.SespanError as exc:
            messages.log(logger, "No code for a registration", exc)
            pending.notice = str(messages.for_send(exc))
        pending.store(self.request)
        return redirect("django_sespan:code")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Hand the way back on through the form."""
        return super().get_context_data(next=self.safe_next(), **kwargs)
