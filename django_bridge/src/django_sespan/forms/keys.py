"""The form for a new service key."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from django_sespan._internal.key_calls import ROLES

REPORT_DAYS = 90
MOST_DAYS = 3650


class KeyForm(forms.Form):
    """Name, role and life; a report person's keys are their own, for 90 days at most."""

    name = forms.CharField(label=_("Who uses it"), max_length=100)
    role = forms.ChoiceField(label=_("Role"), choices=[(role, role) for role in ROLES])
    own = forms.BooleanField(label=_("my own: it ends with my role"), required=False)
    expires_in_days = forms.IntegerField(
        label=_("Days"), min_value=1, max_value=MOST_DAYS, required=False
    )

    def __init__(self, data: Any, *, is_admin: bool) -> None:
        super().__init__(data, initial={"expires_in_days": REPORT_DAYS, "role": "report"})
        if not is_admin:
            del self.fields["role"], self.fields["own"]
            days = forms.IntegerField(
                label=_("Days"), min_value=1, max_value=REPORT_DAYS, initial=REPORT_DAYS
            )
            self.fields["expires_in_days"] = days

    def wish(self) -> dict[str, Any]:
        """Return what the client takes."""
        values = self.cleaned_data
        return {
            "name": values["name"],
            "role": values.get("role", "report"),
            "own": values.get("own", True),
            "expires_in_days": values.get("expires_in_days"),
        }
