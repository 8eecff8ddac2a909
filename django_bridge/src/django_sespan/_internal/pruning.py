"""Delete unfinished registrations, so that their user names are free again.

    unused rights, oldest ids first ─▶ per customer, in a transaction of its own:
        otp_supersede  waits for a verification under way, then supersedes the codes
        lock the user  and look again: inactive, never logged in
        delete         as the admin does: cascades, PROTECT and signals are the site's

Whom PROTECT or a rule of the site's database keeps is named and stays, and the others go on.

The order of the locks is that of a verification, so the two cannot deadlock: whichever comes
second sees what the first has done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db import DatabaseError, router, transaction
from django.db.models import ProtectedError, QuerySet, RestrictedError

from django_sespan._internal.registrations import Registrations
from django_sespan._internal.user_rows import readable
from django_sespan._internal.violations import refusal


class RightUnknown(Exception):
    """The database does not say who may still be activated: unbound, or a right is missing."""


DELETED, PROTECTED, CHANGED = "deleted", "protected", "changed"


class Pruning:
    """One run over the customers of unused rights."""

    def __init__(self, registrations: Registrations, report: Callable[[str], object]) -> None:
        self._registrations = registrations
        self._report = report
        model = get_user_model()
        self._using = router.db_for_write(model)
        self._users: QuerySet[Any] = readable(model._base_manager.using(self._using))

    def run(self, before: datetime, *, dry_run: bool) -> Counter[str]:
        """Return how many were deleted (or would be), protected, or no longer what they were."""
        counts: Counter[str] = Counter()
        for key in self._registrations.unused(before):
            counts[self._check(key) if dry_run else self._delete(key)] += 1
        return counts

    def _check(self, key: int) -> str:
        user = self._unfinished().filter(pk=key).first()
        if user is None or _known(self._registrations.right(user)) != "live":
            return CHANGED
        return DELETED

    def _delete(self, key: int) -> str:
        try:
            with transaction.atomic(using=self._using):
                user = self._lock(key)
                if user is None:
                    return CHANGED
                user.delete()
        except (ProtectedError, RestrictedError) as exc:
            self._report(f"Customer {key} stays: {_why(exc)}")
            return PROTECTED
        except DatabaseError as exc:
            rule = refusal(exc)
            if rule is None:
                raise
            self._report(f"Customer {key} stays: {rule}")
            return PROTECTED
        return DELETED

    def _lock(self, key: int) -> AbstractBaseUser | None:
        user = self._unfinished().filter(pk=key).first()
        if user is None or _known(self._registrations.supersede(user)) != "live":
            return None
        # Read again: the call above may have waited for a verification.
        locked = self._unfinished().select_for_update(of=("self",)).filter(pk=key)
        unfinished: AbstractBaseUser | None = locked.first()
        return unfinished

    def _unfinished(self) -> QuerySet[Any]:
        return self._users.filter(is_active=False, last_login__isnull=True)


def _known(answer: str) -> str:
    if answer == "unknown":
        raise RightUnknown
    return answer


def _why(error: ProtectedError | RestrictedError) -> str:
    objects = (
        error.protected_objects if isinstance(error, ProtectedError) else error.restricted_objects
    )
    kinds = Counter(str(type(row)._meta.verbose_name) for row in objects)
    counted = ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items()))
    return f"{counted} would go too, and on_delete forbids it"
