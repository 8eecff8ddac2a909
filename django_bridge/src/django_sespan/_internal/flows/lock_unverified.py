"""Hold an unverified registration still, so that its data may be replaced or removed."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import AbstractBaseUser

from django_sespan import errors
from django_sespan._internal.registrations import Mark, get_registrations


@dataclass(frozen=True)
class Held:
    """The locked account, and whether the database knows of its right to be activated."""

    user: AbstractBaseUser
    marked: bool


def hold(found: AbstractBaseUser, *, own: bool, supersede: bool) -> Held | None:
    """Lock it until the transaction ends; None when it is not unverified any more.

    The lock order is the service's: challenges first, the customer after them. A code that
    is being verified is then either used up before, or superseded by this. Without
    `supersede` only the customer is locked: the same visitor's code goes on.

    Raises SespanUnavailable when that cannot be had now.
    """
    mark: Mark = get_registrations().register(found) if supersede else "live"
    if mark == "ended":
        return None
    if mark == "unknown" and not own:
        raise errors.SespanUnavailable("the older registration could not be superseded")
    # Not the default manager: PostgreSQL locks no outer joins that one may bring.
    locked = type(found)._base_manager.select_for_update().filter(pk=found.pk).first()
    if locked is None or locked.password != found.password:
        raise errors.SespanUnavailable("somebody else changed this account in between")
    if locked.is_active or locked.last_login is not None:
        return None
    return Held(locked, marked=mark != "unknown")
