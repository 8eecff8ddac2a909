"""Django's login page, for unverified accounts too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse, HttpResponseBase

from django_sespan._internal.atomicity import non_atomic
from django_sespan._internal.flows import resume_registration
from django_sespan.forms import AuthenticationForm
from django_sespan.views.base import ask_for_code


class LoginView(auth_views.LoginView):
    """`path("login/", LoginView.as_view(), name="login")`; takes what Django's takes.

    A correct password of an unverified account gets a code and the code form, and is logged
    in by the code. Until then the login log has it as a failure.
    """

    form_class = AuthenticationForm
    template_name = "django_sespan/login.html"

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., HttpResponseBase]:
        """Keep it out of any transaction: it may call Sespan."""
        return login_not_required(non_atomic(super().as_view(**initkwargs)))

    def form_invalid(self, form: Any) -> HttpResponse:
        """Go to the code form where only the code is missing."""
        claim = getattr(form, "claim", None)
        if claim is None:
            return super().form_invalid(form)
        pending = resume_registration.resume(self.request, claim, self.get_redirect_url())
        return ask_for_code(self.request, pending)
