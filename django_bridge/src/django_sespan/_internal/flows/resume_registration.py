"""Resume a registration: its password proves that it is this visitor's; then wait for its code.

Without that proof anybody could have their own session opened by somebody else's code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.auth.signals import user_login_failed
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from django_sespan import known_browser
from django_sespan._internal.accounts import is_unverified, with_key
from django_sespan._internal.flows import pretended_registrations
from django_sespan._internal.flows.pending_code import PendingCode, fingerprint
from django_sespan._internal.user_rows import has_logged_in
from django_sespan.adapter import get_adapter


@dataclass(frozen=True)
class Claim:
    """The registration that a password belongs to.

    `pretended` where nothing was saved for it, because its address has an account: `user`.
    """

    user: AbstractBaseUser
    pretended: bool = False
    fingerprint: str = ""
    """Of the password that a pretended one was given."""


@sensitive_variables()
def find_claim(
    request: HttpRequest | None, login: str, users: Sequence[AbstractBaseUser], password: str
) -> Claim | None:
    """Return the registration under this login name that has this password and waits for a code.

    Hashes once, whatever it finds: nothing, the wrong password or the correct one.
    """
    waiting = next((u for u in users if not u.is_active and not has_logged_in(u)), None)
    if waiting is not None and is_unverified(waiting):
        claim = Claim(waiting) if waiting.check_password(password) else None
    else:
        claim = _find_pretended(login, password)
    if claim is None or not get_adapter().may_resume(request, claim.user):
        return None
    return claim


def resume(request: HttpRequest, claim: Claim, next_url: str = "") -> PendingCode:
    """Let the session wait for the code of a registration whose password it gave."""
    email = str(getattr(claim.user, get_user_model().get_email_field_name()))
    if claim.pretended:
        pending = PendingCode.for_known_address(email, claim.user, claim.fingerprint)
    else:
        pending = PendingCode.for_account(email, claim.user)
    pending.resume, pending.next_url = True, next_url
    pending.known_browser = known_browser.is_known(request, email)
    pending.begin(request)
    return pending


def report_failure(request: HttpRequest | None, login: str) -> None:
    """Send `user_login_failed`, as `authenticate` does."""
    credentials = {"username": login, "password": "*" * 20}
    user_login_failed.send(sender=__name__, credentials=credentials, request=request)


def _find_pretended(login: str, password: str) -> Claim | None:
    pretended = pretended_registrations.look_up(login, password)
    if pretended is None or not pretended.password_matches:
        return None
    user = with_key(pretended.customer_id)
    given = fingerprint(pretended.password)
    return None if user is None else Claim(user, pretended=True, fingerprint=given)
