"""Log in by a code: the page that asks for the address. The code itself has its own page."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.views.generic import FormView

from django_sespan._internal.flows import log_in_by_code
from django_sespan.forms import LoginCodeForm
from django_sespan.views.base import SespanView, login_url


class LoginCodeView(SespanView, FormView):  # type: ignore[type-arg]  # no subscript at run time
    """`login-code`: an address, then the code form. Anybody may ask, for any address."""

    form_class = LoginCodeForm
    template_name = "django_sespan/login_code.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Redirect who is logged in."""
        if request.user.is_authenticated:
            return redirect(self.destination(self.safe_next()))
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: LoginCodeForm) -> HttpResponse:
        """Ask for the code; what keeps it from going is said on the code page."""
        log_in_by_code.begin(self.request, form.cleaned_data["email"], self.safe_next())
        return redirect("django_sespan:code")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the login page and `next`."""
        return super().get_context_data(login_url=login_url(), next=self.safe_next(), **kwargs)
