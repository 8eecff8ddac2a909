"""The forms of the page Keys."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

MOST_DAYS_OF_REPORT, MOST_DAYS = 90, 3650
MACHINE, OWN = "machine", "own"
WHOSE = [
    (MACHINE, gettext_lazy("of a machine or a script")),
    (OWN, gettext_lazy("my own: it ends with my role")),
]
ROLES = [
    ("service", gettext_lazy("service: the shop’s own servers")),
    ("report", gettext_lazy("report: transactions and their sums")),
    ("dashboard", gettext_lazy("dashboard: the figures of the charts")),
    ("admin", gettext_lazy("admin: tiers and the API log")),
]
OVERLAPS = [
    ("0", gettext_lazy("at once")),
    ("300", gettext_lazy("in five minutes")),
    ("3600", gettext_lazy("in an hour")),
    ("86400", gettext_lazy("in a day")),
]


class KeyForm(forms.Form):
    """A new key. Whoever is no admin makes own ones of the role report."""

    once = forms.CharField(max_length=300, widget=forms.HiddenInput)
    name = forms.CharField(
        label=gettext_lazy("What it is for"),
        max_length=100,
        help_text=gettext_lazy("For example “monthly accounts on the laptop”."),
        widget=forms.TextInput({"autocomplete": "off"}),
    )
    whose = forms.ChoiceField(label=gettext_lazy("Whose"), choices=WHOSE, initial=MACHINE)
    role = forms.ChoiceField(label=gettext_lazy("Role"), choices=ROLES, initial="service")
    days = forms.IntegerField(
        label=gettext_lazy("Ends after (days)"),
        min_value=1,
        max_value=MOST_DAYS,
        initial=MOST_DAYS_OF_REPORT,
        required=False,
        help_text=gettext_lazy("Left empty: a machine’s key has no end."),
    )

    def __init__(self, data: Any = None, *, admin: bool, ticket: str) -> None:
        super().__init__(data, initial={"once": ticket}, auto_id="key_%s")
        self.ticket = ticket
        if not admin:
            del self.fields["whose"], self.fields["role"]
            self.fields["days"] = forms.IntegerField(
                label=gettext_lazy("Ends after (days)"),
                min_value=1,
                max_value=MOST_DAYS_OF_REPORT,
                initial=MOST_DAYS_OF_REPORT,
                help_text=gettext_lazy("90 at most; then make a new one."),
            )

    def clean_name(self) -> str:
        """Refuse what no list can show."""
        name: str = self.cleaned_data["name"]
        if not name.isprintable():
            raise forms.ValidationError(_("Please use letters, digits and signs that can be seen."))
        return name

    def clean(self) -> dict[str, Any]:
        """Refuse what the service would, with its field."""
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("whose") == OWN:
            if cleaned.get("role") == "service":
                self.add_error("role", _("A person’s own key cannot be of the role service."))
            if cleaned.get("days") is None and "days" not in self.errors:
                self.add_error("days", _("Your own keys need an end."))
        return cleaned

    def wish(self) -> dict[str, Any]:
        """Return what `Client.key_create` takes."""
        data = self.cleaned_data
        return {
            "name": data["name"],
            "role": data.get("role", "report"),
            "expires_in_days": data["days"],
            "own": data.get("whose", OWN) == OWN,
        }


class RotateForm(forms.Form):
    """When the old key ends."""

    once = forms.CharField(max_length=300, widget=forms.HiddenInput)
    overlap = forms.ChoiceField(
        label=gettext_lazy("The old key ends"), choices=OVERLAPS, initial="0"
    )
