"""What a site may decide about registration without writing its own views.

    SESPAN = {..., "ADAPTER": "shop.accounts.ShopAdapter"}

    class ShopAdapter(Adapter):
        def is_open_for_registration(self, request):
            return not settings.SALE_IS_ON

Every hook has a default; names and arguments are stable. A hook runs outside any
transaction unless its text says otherwise, and never while Sespan is being called.
"""

from __future__ import annotations

from typing import Any, Protocol

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest
from django.utils.module_loading import import_string

from django_sespan._internal.accounts import with_email
from django_sespan.conf import get_settings


class RegistrationForm(Protocol):
    """What the hooks get: a valid `django_sespan.forms.RegisterForm`, or a site's own."""

    cleaned_data: dict[str, Any]
    instance: Any

    def save(self, commit: bool = True) -> Any:
        """Give the user with this form's data."""

    def save_m2m(self) -> None:
        """Save the many-to-many data after `save(commit=False)`."""


class Adapter:
    """The defaults. One instance serves one call, so it may keep nothing."""

    code_first = False
    """True: the customer is created only after the code was right (`RegisterView.code_first`)."""

    def is_open_for_registration(self, request: HttpRequest) -> bool:
        """Whether anybody may register now; the page says so otherwise, with status 403."""
        return True

    def new_user(self, request: HttpRequest | None, form: RegistrationForm) -> AbstractBaseUser:
        """Give the unsaved user of a valid form.

        Runs in the transaction that saves, with the row locked where an unverified
        registration is replaced: `form.instance` is then that user.
        """
        user: AbstractBaseUser = form.save(commit=False)
        return user

    def save_user(
        self, request: HttpRequest | None, form: RegistrationForm, user: AbstractBaseUser
    ) -> None:
        """Save the user and what hangs on it, in that same transaction."""
        user.save()
        form.save_m2m()

    def find_users(self, login: str) -> list[AbstractBaseUser]:
        """Give the accounts that a login name may mean, the likeliest first.

        Asked when no login backend takes a password, to see whether it is right for a
        registration that waits for its code.
        """
        model: Any = get_user_model()
        try:
            return [model._default_manager.get_by_natural_key(login)]
        except (model.DoesNotExist, model.MultipleObjectsReturned):
            return list(with_email(login)[:2])

    def may_resume(self, request: HttpRequest | None, user: AbstractBaseUser) -> bool:
        """Whether this visitor may go on with a registration whose password they know.

        A site that locks visitors out after wrong passwords says no here, too.
        """
        return True

    def on_verified(
        self, request: HttpRequest | None, user: AbstractBaseUser, purpose: str
    ) -> None:
        """Act on a right code, before the session is logged in. What it raises is logged."""

    def success_url(self, request: HttpRequest, user: AbstractBaseUser) -> str | None:
        """Where a verified customer goes; None: `?next=`, the view's, LOGIN_REDIRECT_URL."""
        return None


def get_adapter() -> Adapter:
    """Give the site's adapter, or the default one."""
    path = get_settings().adapter_path
    found: Adapter = import_string(path)() if path else Adapter()
    return found
