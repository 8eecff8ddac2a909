"""The form that asks for a code to log in with."""

from __future__ import annotations

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext_lazy as _

from django_sespan._internal.address import mailbox


class LoginCodeForm(forms.Form):
    """The address alone: whether somebody has it, the form never says."""

    email = forms.EmailField(
        label=_("E-mail address"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )

    def clean_email(self) -> str:
        """Return the address to write to."""
        try:
            return mailbox(self.cleaned_data["email"])
        except ValueError:
            raise ValidationError(validate_email.message, code="invalid") from None
