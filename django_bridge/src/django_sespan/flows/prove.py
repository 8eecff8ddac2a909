"""Prove, by its password, that a registration is this visitor's; then wait for its code.

Without that proof anybody could have their own session opened by somebody else's code.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.auth.signals import user_login_failed
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from django_sespan.adapter import get_adapter
from django_sespan.flows.decoy import mask
from django_sespan.flows.pending import REGISTRATION, Pending, stamp, subject
from django_sespan.registrations import is_unverified


@sensitive_variables()
def unverified(
    request: HttpRequest | None, users: Sequence[AbstractBaseUser], password: str
) -> AbstractBaseUser | None:
    """Give the one whose password this is and who waits for a code.

    Hashes once for whatever it was given: for nobody, for the wrong one, for the right one.
    """
    waiting = [u for u in users if not u.is_active and u.last_login is None]
    if not waiting:
        make_password(password)
        return None
    user = waiting[0]
    if not user.check_password(password):
        return None
    if not is_unverified(user, own=_is_own(request, user)):
        return None
    return user if get_adapter().may_resume(request, user) else None


def begin(request: HttpRequest, user: AbstractBaseUser, next_url: str = "") -> Pending:
    """Let the session wait for the code of a customer whose password it gave."""
    email = str(getattr(user, get_user_model().get_email_field_name()))
    pending = Pending(
        purpose=REGISTRATION,
        email=mask(email),
        subject=subject(email),
        customer_id=str(user.pk),
        registered=True,
        stamp=stamp(user.password),
        resume=True,
        next_url=next_url,
    )
    pending.store(request)
    return pending


def report_failure(request: HttpRequest | None, login: str) -> None:
    """Tell whoever counts failed logins, as `authenticate` does."""
    credentials = {"username": login, "password": "*" * 20}
    user_login_failed.send(sender=__name__, credentials=credentials, request=request)


def _is_own(request: HttpRequest | None, user: AbstractBaseUser) -> bool:
    pending = None if request is None else Pending.of(request)
    return pending is not None and pending.registered and pending.customer_id == str(user.pk)
