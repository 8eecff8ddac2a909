"""The form that resumes a registration in another browser."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from django_sespan._internal.accounts import with_email
from django_sespan._internal.flows import resume_registration


class ResumeForm(forms.Form):
    """The registration's e-mail address and password. One error for whatever does not fit."""

    email = forms.EmailField(
        label=_("E-mail address"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )
    password = forms.CharField(
        label=_("Password of the registration"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    error_messages = {
        "not_waiting": _(
            "No registration with this address and password waits for a code. Please check "
            "both. If your address is confirmed already, you can log in."
        ),
    }

    def __init__(self, request: HttpRequest | None = None, *args: Any, **kwargs: Any) -> None:
        self.request = request
        self.claim: resume_registration.Claim | None = None
        super().__init__(*args, **kwargs)

    @sensitive_variables()
    def clean(self) -> dict[str, Any] | None:
        """Find the account; time and error do not reveal which part was wrong."""
        cleaned = super().clean() or self.cleaned_data
        email, password = cleaned.get("email"), cleaned.get("password")
        if email and password:
            users = list(with_email(email)[:2])
            self.claim = resume_registration.find_claim(self.request, email, users, password)
            if self.claim is None:
                resume_registration.report_failure(self.request, email)
                raise ValidationError(self.error_messages["not_waiting"], code="not_waiting")
        return cleaned
