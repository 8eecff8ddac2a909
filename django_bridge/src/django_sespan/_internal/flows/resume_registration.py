"""Prove, by its password, that a registration is this visitor's; then wait for its code.

Without that proof anybody could have their own session opened by somebody else's code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.auth.signals import user_login_failed
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from django_sespan._internal.flows import pretended_registrations
from django_sespan._internal.flows.decoy import mask
from django_sespan._internal.flows.pending_code import REGISTRATION, Pending, stamp, subject
from django_sespan._internal.registrations import get_registrations, is_unverified
from django_sespan.adapter import get_adapter


@dataclass(frozen=True)
class Claim:
    """The registration that a password belongs to.

    `pretended` where nothing was saved for it, because its address has an account: `user`.
    """

    user: AbstractBaseUser
    pretended: bool = False


@sensitive_variables()
def claim(
    request: HttpRequest | None, login: str, users: Sequence[AbstractBaseUser], password: str
) -> Claim | None:
    """Give the registration under this login name that has this password and waits for a code.

    Hashes once, whatever it finds: nothing, the wrong password or the right one.
    """
    waiting = next((u for u in users if not u.is_active and u.last_login is None), None)
    if waiting is not None and is_unverified(waiting, own=_is_own(request, waiting)):
        found = Claim(waiting) if waiting.check_password(password) else None
    else:
        found = _pretended(login, password)
    if found is None or not get_adapter().may_resume(request, found.user):
        return None
    return found


def begin(request: HttpRequest, found: Claim, next_url: str = "") -> Pending:
    """Let the session wait for the code of a registration whose password it gave."""
    email = str(getattr(found.user, get_user_model().get_email_field_name()))
    pending = pretend(email, found.user) if found.pretended else wait_for(email, found.user)
    pending.resume, pending.next_url = True, next_url
    pending.store(request)
    return pending


def wait_for(email: str, user: AbstractBaseUser) -> Pending:
    """Make what a session remembers that gave the password of an unverified account."""
    return Pending(
        purpose=REGISTRATION,
        email=mask(email),
        subject=subject(email),
        customer_id=str(user.pk),
        registered=True,
        stamp=stamp(user.password),
    )


def pretend(email: str, user: AbstractBaseUser) -> Pending:
    """Make what a session remembers whose address has an account that waits for no code.

    Sespan is asked with that account's number, so that nothing in its answers or their time
    differs; it sends no code for it. Where that is not certain, `flows.decoy` answers.
    """
    pending = Pending(purpose=REGISTRATION, email=mask(email), subject=subject(email))
    if user.is_active or get_registrations().right(user) in {"ended", "none"}:
        pending.customer_id = str(user.pk)
    return pending


def report_failure(request: HttpRequest | None, login: str) -> None:
    """Tell whoever counts failed logins, as `authenticate` does."""
    credentials = {"username": login, "password": "*" * 20}
    user_login_failed.send(sender=__name__, credentials=credentials, request=request)


def _pretended(login: str, password: str) -> Claim | None:
    seen = pretended_registrations.look(login, password)
    if seen is None or not seen.matches:
        return None
    model: Any = get_user_model()
    email = {f"{model.get_email_field_name()}__iexact": seen.email}
    user = model._default_manager.filter(**email).order_by("-is_active", "pk").first()
    return None if user is None else Claim(user, pretended=True)


def _is_own(request: HttpRequest | None, user: AbstractBaseUser) -> bool:
    pending = None if request is None else Pending.of(request)
    return pending is not None and pending.registered and pending.customer_id == str(user.pk)
