"""Resume a registration in another browser, or after the session has ended."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.views.generic import FormView

from django_sespan._internal import messages
from django_sespan._internal.flows import resume_registration, use_budget
from django_sespan.forms import ResumeForm
from django_sespan.views.base import SespanView, ask_for_code, login_url

TOO_MANY_REQUESTS = 429


class ResumeView(SespanView, FormView):  # type: ignore[type-arg]  # no subscript at run time
    """`resume`: the registration's address and password, then the code form.

    The script keeps the code of the mail's link meanwhile, in the tab's own storage.
    """

    form_class = ResumeForm
    template_name = "django_sespan/resume.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Redirect who is logged in."""
        if request.user.is_authenticated:
            return redirect(self.destination(self.safe_next()))
        return super().dispatch(request, *args, **kwargs)

    def get_form_kwargs(self) -> dict[str, Any]:
        """Pass the request, as Django's login view does."""
        return {**super().get_form_kwargs(), "request": self.request}

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Answer 429 after too many wrong passwords, without checking this one.

        A guess is counted before it is checked, and given back when it was right or none.
        """
        form = self.get_form()
        email = str(request.POST.get(form.add_prefix("email"), ""))
        if (seconds := use_budget.draw(request, "guesses", email)) > 0:
            form = self.get_form_class()(request)
            context = self.get_context_data(form=form, notice=messages.too_many(seconds))
            return self.render_to_response(context, status=TOO_MANY_REQUESTS)
        valid = form.is_valid()
        if not form.has_error("__all__", "not_waiting"):
            use_budget.give_back(request, "guesses", email)
        return self.form_valid(form) if valid else self.form_invalid(form)

    def form_valid(self, form: ResumeForm) -> HttpResponse:
        """Let the session wait for the code that is under way, or for another one."""
        if form.claim is None:
            raise TypeError("a valid form has found its registration")
        pending = resume_registration.resume(self.request, form.claim, self.safe_next())
        return ask_for_code(self.request, pending)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the login page and `next`."""
        return super().get_context_data(login_url=login_url(), next=self.safe_next(), **kwargs)
