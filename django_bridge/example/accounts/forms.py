"""Forms of the account pages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.models import Customer
from django_sespan.forms import AuthenticationForm, RegisterForm


class LoginForm(AuthenticationForm):
    """E-mail address and password; who has not confirmed the address goes on to the code form."""

    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": _("That address and password do not belong together. Please try again."),
    }

    def __init__(self, request: HttpRequest | None = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, *args, **kwargs)
        self.fields["username"].label = _("E-mail address")
        self.fields["username"].widget = forms.EmailInput(
            attrs={"autocomplete": "username", "autofocus": True, "maxlength": 254}
        )


class ShopRegisterForm(RegisterForm):
    """The bridge's registration, with the shop's fields."""

    class Meta(RegisterForm.Meta):
        fields = ["username", "email", "phone_number"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].widget.attrs.update(autocomplete="nickname", autofocus=True)
        self.fields["phone_number"].widget.input_type = "tel"
        self.fields["phone_number"].help_text = _("For the courier. You may leave it empty.")
        self.fields["password2"].help_text = ""


class ProfileForm(forms.ModelForm):
    """What a customer may change on the account page."""

    class Meta:
        model = Customer
        fields = ("username", "phone_number")
        widgets = {
            "username": forms.TextInput(attrs={"autocomplete": "nickname"}),
            "phone_number": forms.TextInput(
                attrs={"autocomplete": "tel", "inputmode": "tel", "type": "tel"}
            ),
        }
