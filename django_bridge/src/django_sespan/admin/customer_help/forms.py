"""Whom to look for, and the deeds of the page; a deed takes the customer's name from the page."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _


class Search(forms.Form):
    """Whom to help."""

    q = forms.CharField(
        label=_("Address, name or number of the customer"),
        max_length=254,
        widget=forms.TextInput({"type": "search", "autofocus": True}),
    )


class SureForm(forms.Form):
    """What could give an account to somebody else: the customer was asked who they are."""

    checked = forms.BooleanField(
        label=_("I have made sure that this is the customer"),
        label_suffix="",
        error_messages={"required": _("Make sure first that this is the customer.")},
    )


class AddressForm(SureForm):
    """The address as it should be, and as the page showed it."""

    email = forms.CharField(
        label=_("The correct address"),
        max_length=254,
        widget=forms.EmailInput({"autocomplete": "off", "spellcheck": "false"}),
    )
    was = forms.CharField(required=False, max_length=1000, widget=forms.HiddenInput, strip=False)

    field_order = ["email", "checked", "was"]
