"""The filters above the list of mails."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.utils.translation import gettext_lazy as _

from django_sespan._internal.words import MAIL_STATES
from django_sespan.mail.options import CATEGORY
from django_sespan.mail.search import Criteria

MAX_NUMBER = 2**53 // 1024


def mail_number(text: str) -> int | None:
    """Read the number of a mail, None for anything that cannot be one."""
    short = text.isdecimal() and len(text) <= len(str(MAX_NUMBER))
    return int(text) if short and 0 < int(text) <= MAX_NUMBER else None


class Filters(forms.Form):
    """State, category, recipient or number, subject, and day; all optional."""

    state = forms.ChoiceField(
        label=_("State"), required=False, choices=[("", _("any")), *MAIL_STATES.items()]
    )
    category = forms.RegexField(
        rf"^{CATEGORY.pattern}\Z", label=_("Category"), required=False, strip=True
    )
    q = forms.CharField(
        label=_("Recipient or number"),
        required=False,
        max_length=254,
        widget=forms.TextInput({"type": "search", "placeholder": _("begins with …")}),
    )
    subject = forms.CharField(
        label=_("Subject"),
        required=False,
        max_length=200,
        widget=forms.TextInput({"type": "search", "placeholder": _("holds …")}),
    )
    day = forms.DateField(
        label=_("Day"),
        required=False,
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
        input_formats=["%Y-%m-%d"],
    )
    before = forms.IntegerField(
        required=False, min_value=1, max_value=MAX_NUMBER, widget=forms.HiddenInput
    )

    @property
    def values(self) -> dict[str, Any]:
        """The filters that are set and valid."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}

    @property
    def number(self) -> int | None:
        """The number of a mail, where one is given."""
        return mail_number(str(self.values.get("q", "")))

    @property
    def active(self) -> bool:
        """Whether anything is filtered."""
        return bool(self.values.keys() - {"before"})

    def criteria(self) -> Criteria:
        """Return what to look for."""
        values = self.values
        return Criteria(
            state=values.get("state"),
            category=values.get("category"),
            recipient=values.get("q"),
            subject=values.get("subject"),
            day=values.get("day"),
            before=values.get("before"),
        )

    def link(self, **changes: Any) -> str:
        """Return the query of the same filters on another page."""
        kept = {name: value for name, value in self.values.items() if name != "before"}
        return f"?{urlencode(kept | changes)}"
