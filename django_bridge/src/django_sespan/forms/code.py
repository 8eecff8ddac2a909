"""The form of the code page."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from django_sespan._internal import codes


class CodeForm(forms.Form):
    """One field for the code; takes spaces, dashes and full-width digits.

    The hidden field says which registration the page was opened for. A page that a second
    tab has overtaken gets an error, and costs no guess. A template may leave the field out.
    """

    code = forms.CharField(
        label=_("Code from the e-mail"),
        max_length=64,
        widget=forms.TextInput(
            attrs={
                "inputmode": "numeric",
                "autocomplete": "one-time-code",
                "autofocus": True,
                "spellcheck": "false",
                "data-sespan-code": "",
            }
        ),
        error_messages={"required": _("Enter the code from the e-mail.")},
    )
    subject = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    def __init__(self, *args: Any, subject: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.expected_subject = subject
        self.fields["subject"].initial = subject

    def clean_code(self) -> str:
        """Return the bare digits."""
        code = codes.normalise(cast(str, self.cleaned_data["code"]))
        if code is None:
            raise ValidationError(
                _("That is not the whole code yet: it has only digits, no letters."),
                code="not_a_code",
            )
        return code

    def clean(self) -> dict[str, Any] | None:
        """Refuse the form of another registration than the one under way."""
        cleaned = super().clean() or self.cleaned_data
        typed = cleaned.get("subject")
        if typed and self.expected_subject and typed != self.expected_subject:
            # The page that is shown now is the one of the registration under way.
            self.data = self.data.copy()  # type: ignore[attr-defined]  # a QueryDict
            self.data[self.add_prefix("subject")] = self.expected_subject  # type: ignore[index]
            raise ValidationError(
                _(
                    "This browser has begun another registration since this page was opened. "
                    "The code that is asked for now is the one for the address above."
                ),
                code="overtaken",
            )
        return cleaned
