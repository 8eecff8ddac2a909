"""Django's login form, with an error of its own for unverified accounts."""

from __future__ import annotations

import logging
from typing import Any

from django.contrib.auth import forms as auth_forms
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from django_sespan._internal.accounts import is_unverified
from django_sespan._internal.flows import resume_registration
from django_sespan._internal.user_rows import UNREADABLE, is_of_a_row
from django_sespan.adapter import get_adapter

logger = logging.getLogger(__name__)

UNVERIFIED = _("Your e-mail address is not confirmed yet.")


class AuthenticationForm(auth_forms.AuthenticationForm):
    """For any login view: a correct password of an unverified account leads to the code form.

    `claim` then names that account, and the session waits for its code. The bridge's own
    LoginView goes to the code form at once; another view shows the error with its link.
    """

    claim: resume_registration.Claim | None = None

    error_messages = {
        **auth_forms.AuthenticationForm.error_messages,
        "unverified": UNVERIFIED,
    }

    @sensitive_variables()
    def clean(self) -> dict[str, Any]:
        """Ask the login backends first; only what none of them takes may be unverified."""
        try:
            return self._ask_backends()
        except ValidationError:
            if self.user_cache is not None:
                raise  # a backend took it, confirm_login_allowed did not
            login, password = self.cleaned_data["username"], self.cleaned_data["password"]
            users = get_adapter().find_users(login)
            # Every refused password costs this second hash, so the time reveals nothing.
            self.claim = resume_registration.find_claim(self.request, login, users, password)
            if self.claim is None:
                raise
        raise self._unverified_error()

    def _ask_backends(self) -> dict[str, Any]:
        try:
            return super().clean()
        except UNREADABLE as exc:
            if not is_of_a_row(exc):
                raise
            logger.exception("A login backend could not read a user")
            raise self.get_invalid_login_error() from None

    def confirm_login_allowed(self, user: Any) -> None:
        """Refuse an unverified account where a backend lets inactive ones through."""
        if is_unverified(user) and get_adapter().may_resume(self.request, user):
            self.claim = resume_registration.Claim(user)
            raise self._unverified_error()
        super().confirm_login_allowed(user)

    def _unverified_error(self) -> ValidationError:
        if self.request is not None and self.claim is not None:
            resume_registration.resume(self.request, self.claim)
        link = format_html(
            '{} <a href="{}">{}</a>',
            self.error_messages.get("unverified", UNVERIFIED),
            reverse("django_sespan:code"),
            gettext("Enter the code from the e-mail"),
        )
        return ValidationError(link, code="unverified")
