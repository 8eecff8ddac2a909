"""A mistyped address: end the registration of this session, so that its visitor can begin anew.

    this session's own, unverified   the customer is deleted, codes under way are superseded, and
                                     the user name is free again
    pretended                        what is kept of it is forgotten: its name is free, too
    code first, anything else        only the session forgets it

Nothing of somebody else's goes: the account, or what is kept of a pretended one, must still have
the password that this session gave. The answer takes the same time whatever there was.
"""

from __future__ import annotations

import logging
import time

from django.contrib.auth.models import AbstractBaseUser
from django.db import DatabaseError, router, transaction
from django.db.models import ProtectedError, RestrictedError
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from django_sespan import errors
from django_sespan._internal.accounts import is_unverified, lock_unverified, with_key
from django_sespan._internal.atomicity import refuse_transaction
from django_sespan._internal.flows.pending_code import REGISTRATION, PendingCode, fingerprint
from django_sespan._internal.runtime import runtime
from django_sespan._internal.violations import without_rows

logger = logging.getLogger(__name__)

FLOOR = 0.25
"""Seconds that an answer takes at least: longer than either way needs."""


def restart(request: HttpRequest, pending: PendingCode) -> None:
    """Forget the registration that this session waits for; it never fails."""
    refuse_transaction()
    began = time.monotonic()
    if pending.purpose == REGISTRATION and not pending.code_first:
        try:
            _end(pending)
        except (errors.SespanError, DatabaseError, ProtectedError, RestrictedError) as exc:
            # The visitor begins anew all the same; sespan_prune_unverified comes by later.
            without_rows(exc)
            logger.warning("An abandoned registration stays: %s", exc)
    PendingCode.remove(request)
    time.sleep(max(0.0, FLOOR - (time.monotonic() - began)))


def _end(pending: PendingCode) -> None:
    if not pending.registered:
        kept = runtime.pretended_registrations.find(pending.address)
        if kept is not None and _gave(pending, kept.password):
            runtime.pretended_registrations.end(pending.address, kept.password)
        return
    user = with_key(pending.customer_id)
    if user is not None and is_unverified(user) and pending.has_password_of(user):
        _delete(pending, user)


def _delete(pending: PendingCode, user: AbstractBaseUser) -> None:
    """Delete as `sespan_prune_unverified` does: cascades, PROTECT and signals are the site's."""
    with transaction.atomic(using=router.db_for_write(type(user))):
        locked = lock_unverified(user, supersede=True)
        if locked is not None and pending.has_password_of(locked):
            locked.delete()


def _gave(pending: PendingCode, password_hash: str) -> bool:
    return constant_time_compare(pending.password_fingerprint, fingerprint(password_hash))
