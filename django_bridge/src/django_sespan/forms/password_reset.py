"""Django's password reset form, within the budgets of mails, and for unverified accounts too."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import nullcontext
from typing import Any

from django.contrib.auth import forms as auth_forms
from django.contrib.auth import get_user_model
from django.db import transaction

from django_sespan._internal.accounts import is_unverified, with_email
from django_sespan._internal.flows import use_budget
from django_sespan._internal.user_rows import has_logged_in, is_readable
from django_sespan.mail.category import PASSWORD_RESET, category
from django_sespan.mail.default_queue import queue_alias

logger = logging.getLogger(__name__)

NOBODY = "nobody@example.com"
"""Whom the mail that is rolled back is for: an address that is always taken."""


class PasswordResetMixin:
    """`class ResetForm(PasswordResetMixin, TheirForm)`: puts the form under the budgets of mails.

    Its mails have the category `password_reset`, which the admin shows to nobody.

    Beyond them the page answers as ever and no mail is sent. Where mails are queued, an address
    that nobody has costs the same work: a mail that is rolled back. That is left out where a
    subclass sends mails in a way of its own.
    """

    cleaned_data: dict[str, Any]
    _queue: str | None = None
    _decoy: Any = None

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Send the mails, or none."""
        email, request = self.cleaned_data["email"], kwargs.get("request")
        # A form that finds or mails in a way of its own would mail the decoy for good.
        saves: Any = super().save  # type: ignore[misc]
        own = (
            type(self).send_mail is PasswordResetMixin.send_mail
            and getattr(saves, "__func__", None) is auth_forms.PasswordResetForm.save
        )
        self._queue = queue_alias() if own else None
        # One transaction for both: what an unknown address costs is committed as well.
        with transaction.atomic(using=self._queue) if self._queue else nullcontext():
            if use_budget.draw(request, "mails", email) == 0:
                with category(PASSWORD_RESET):
                    super().save(*args, **kwargs)  # type: ignore[misc]

    def get_users(self, email: str) -> Iterable[Any]:
        """Give a decoy where nobody gets a mail."""
        users = list(super().get_users(email))  # type: ignore[misc]
        if not users and self._queue:
            model = get_user_model()
            self._decoy = model(pk=0, **{model.get_email_field_name(): email})
            users.append(self._decoy)
        return users

    def send_mail(  # noqa: PLR0913, PLR0917  (Django's own signature)
        self,
        subject_template_name: str,
        email_template_name: str,
        context: dict[str, Any],
        from_email: str | None,
        to_email: str,
        html_email_template_name: str | None = None,
    ) -> None:
        """Send it, and take the decoy's back."""
        templates, more = (subject_template_name, email_template_name), html_email_template_name
        if not self._queue:
            super().send_mail(*templates, context, from_email, to_email, more)  # type: ignore[misc]
            return
        pretended = context.get("user") is self._decoy
        to = NOBODY if pretended else to_email
        with transaction.atomic(using=self._queue):
            super().send_mail(*templates, context, from_email, to, more)  # type: ignore[misc]
            if pretended:
                transaction.set_rollback(True, using=self._queue)


class _Unverified(auth_forms.PasswordResetForm):
    """Finds the accounts by the address key, the unverified ones too."""

    def get_users(self, email: str) -> Iterable[Any]:
        for user in with_email(email):  # the mail goes to the stored address
            waits = not user.is_active and not has_logged_in(user) and is_unverified(user)
            if (user.is_active or waits) and user.has_usable_password() and is_readable(user):
                yield user


class PasswordResetForm(PasswordResetMixin, _Unverified):
    """`PasswordResetView.as_view(form_class=PasswordResetForm)`.

    Django's own form finds active users only, so somebody who forgot the password before
    the code would be stuck. The reset does not activate: the login afterwards asks for a
    code. Banned users get no mail, as before.
    """
