"""Registrations of an address that has an account are remembered like real ones.

Nothing is saved for them, so they would show in what comes after: a second registration
with another password would not have to wait for its code, and the password would be wrong
at the next login. With this memory the visitor gets the same wait and the same code form,
from whichever process of the site.

The user name is taken meanwhile, as a real registration takes it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import AbstractBaseUser
from django.views.decorators.debug import sensitive_variables

from django_sespan._internal.runtime import runtime


@dataclass(frozen=True)
class PretendedRegistration:
    """What is remembered under a login name, and whether this is its password."""

    customer_id: Any
    password_matches: bool
    password: str = field(default="", repr=False)
    """The site's hash of it."""


@sensitive_variables()
def look_up(login: str, password: str) -> PretendedRegistration | None:
    """Look up an address or a user name. Hashes once, whatever it finds."""
    kept = runtime.pretended_registrations.find(login)
    if kept is None:
        make_password(password)
        return None
    matches = check_password(password, kept.password)
    return PretendedRegistration(kept.customer_id, matches, kept.password)


def begin(form: Any, account: AbstractBaseUser | None) -> None:
    """Let this be the registration under way of its address; pretended where that has an account.

    Raises IntegrityError where the pretended registration of another address took the name.
    """
    name = str(form.cleaned_data.get(get_user_model().USERNAME_FIELD) or "")
    runtime.pretended_registrations.begin(
        form.cleaned_data[form.email_field],
        name,
        form.password_hash,
        None if account is None else account.pk,
        pretended=account is not None,
    )


def takes_name(name: str, email: str) -> bool:
    """Whether the pretended registration of another address has this user name."""
    return runtime.pretended_registrations.takes_name(name, email)
