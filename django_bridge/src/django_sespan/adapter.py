"""The hooks with which a site changes registration without writing its own views.

    SESPAN = {..., "ADAPTER": "shop.accounts.ShopAdapter"}

    class ShopAdapter(Adapter):
        def is_open_for_registration(self, request):
            return not settings.SALE_IS_ON

Every hook has a default; names and arguments are stable. A hook runs outside any
transaction unless its docstring says otherwise, and never while Sespan is being called.
"""

from __future__ import annotations

import inspect
from typing import Any, Protocol

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest, QueryDict
from django.utils.module_loading import import_string

from django_sespan._internal.accounts import users_alias, with_email
from django_sespan._internal.user_rows import UNREADABLE, is_of_a_row
from django_sespan.conf import get_settings


class RegistrationForm(Protocol):
    """What the hooks get: a valid `django_sespan.forms.RegisterForm`, or a site's own."""

    cleaned_data: dict[str, Any]
    instance: Any

    def save(self, commit: bool = True) -> Any:
        """Return the user with this form's data."""

    def save_m2m(self) -> None:
        """Save the many-to-many data after `save(commit=False)`."""


class Adapter:
    """The defaults. One instance serves one call, so it keeps no state."""

    code_first = False
    """True: the customer is created only after the code was correct (`RegisterView.code_first`)."""

    def is_open_for_registration(self, request: HttpRequest) -> bool:
        """Whether anybody may register now; otherwise the page answers 403."""
        return True

    def new_user(self, request: HttpRequest | None, form: RegistrationForm) -> AbstractBaseUser:
        """Return the unsaved user of a valid form.

        Runs in the transaction that saves, with the row locked where an unverified
        registration is replaced: `form.instance` is then that user. A form of another kind,
        which is saved by `save(request)` as allauth's, may have saved it.
        """
        takes = inspect.signature(form.save).parameters
        save: Any = form.save
        user: AbstractBaseUser = (
            save(request) if "request" in takes and "commit" not in takes else save(commit=False)
        )
        return user

    def save_user(
        self, request: HttpRequest | None, form: RegistrationForm, user: AbstractBaseUser
    ) -> None:
        """Save the user and related rows, in that same transaction.

        Runs again, for the same user, when a newer registration replaces an unverified one: let
        related rows be `update_or_create`d.
        """
        user.save()
        save_m2m = getattr(form, "save_m2m", None)
        if save_m2m is not None:
            save_m2m()

    def restore_form(
        self,
        request: HttpRequest | None,
        form_class: type[Any],
        data: QueryDict,
        prefix: str | None,
    ) -> Any:
        """Make a form of the site again from what was typed, when its code was correct.

        For forms that need more than `data` and `prefix`, or that ask what can be answered
        only once, such as a captcha: drop that field here.
        """
        return form_class(data=data, prefix=prefix)

    def find_users(self, login: str) -> list[AbstractBaseUser]:
        """Return the accounts that a login name may mean, the likeliest first.

        Asked when no login backend takes a password, to see whether it is correct for a
        registration that waits for its code.
        """
        model: Any = get_user_model()
        manager = model._default_manager.db_manager(users_alias())
        try:
            return [manager.get_by_natural_key(login)]
        except (model.DoesNotExist, model.MultipleObjectsReturned):
            pass
        except UNREADABLE as exc:
            if not is_of_a_row(exc):
                raise
        return list(with_email(login)[:2])

    def may_resume(self, request: HttpRequest | None, user: AbstractBaseUser) -> bool:
        """Whether this visitor may go on with a registration whose password they know.

        A site that locks visitors out after wrong passwords returns False here, too.
        """
        return True

    def may_log_in_by_code(self, request: HttpRequest | None, user: AbstractBaseUser) -> bool:
        """Whether a correct code from the mailbox logs this user in, without a password.

        As with Django's password reset, not those who have none and so log in elsewhere.
        """
        return user.has_usable_password()

    def on_verified(
        self, request: HttpRequest | None, user: AbstractBaseUser, purpose: str
    ) -> None:
        """Act on a correct code, before the session is logged in. What it raises is logged."""

    def order_url(self, request: HttpRequest, order_ref: str) -> str | None:
        """Where this member of the staff sees an order; None: the site has no such page."""
        return None

    def success_url(self, request: HttpRequest, user: AbstractBaseUser) -> str | None:
        """Where a verified customer goes; None: `?next=`, the view's, LOGIN_REDIRECT_URL."""
        return None


def get_adapter() -> Adapter:
    """Return the site's adapter, or the default one."""
    path = get_settings().adapter_path
    adapter: Adapter = import_string(path)() if path else Adapter()
    return adapter
