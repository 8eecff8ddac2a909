"""Whether a session may still enter the code of the account that it waits for.

Since it gave the password, a newer registration of the same address may have replaced that
password, or the owner may have reset it. The mailed code then belongs to whoever knows the
newer one: this session must neither ask for it, nor enter it, nor be logged in by it.
"""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser

from django_sespan import errors
from django_sespan._internal.flows.pending_code import PendingCode


def check_session(pending: PendingCode) -> AbstractBaseUser | None:
    """Return the account; raises RegistrationReplaced, or UnknownChallenge when it is gone.

    One query for every kind of session that has an account, so that the time reveals nothing.
    """
    if pending.customer_id is None:
        return None
    user = get_user_model()._base_manager.filter(pk=pending.customer_id).first()
    if not pending.registered:
        return user
    if user is None:
        raise errors.UnknownChallenge("the customer is gone")
    if not pending.has_password_of(user):
        raise errors.RegistrationReplaced("the account has another password now")
    return user
