"""Django's password reset form, for unverified accounts too."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth import forms as auth_forms
from django.contrib.auth import get_user_model

from django_sespan._internal.accounts import is_unverified, with_email


class PasswordResetForm(auth_forms.PasswordResetForm):
    """`PasswordResetView.as_view(form_class=PasswordResetForm)`.

    Django's own form finds active users only, so somebody who forgot the password before
    the code would be stuck. The reset does not activate: the login afterwards asks for a
    code. Banned users get no mail, as before.
    """

    def get_users(self, email: str) -> Iterable[Any]:
        """Add the unverified accounts of this address."""
        yield from super().get_users(email)
        field = get_user_model().get_email_field_name()
        for user in with_email(email).filter(is_active=False, last_login__isnull=True):
            address = str(getattr(user, field))
            # The mail goes to the stored address: it must be the typed one to the letter's case.
            same = address.casefold() == email.casefold()
            if same and user.has_usable_password() and is_unverified(user):
                yield user
