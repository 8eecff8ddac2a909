"""Save an inactive customer, commit, and only then ask for a code.

    address           what is saved                      what Sespan is asked
    unknown           a new inactive customer, marked    for a code
    unverified        the newest form and password;      for a code of a new challenge
                      older codes are superseded
    … same password   the newest form                    for the code under way
    has an account,   nothing                            by the same call; the owner is told,
    or is banned                                         no code fits

The visitor sees the same page in every row, and the hashing takes as long.

The newest registration wins, because nobody has proven the address yet. It never inherits
the code of an older one: `otp_register` locks the older challenges before the customer is
locked and looked at again, so that a code is either used before, and the account is then
verified, or superseded. And a session goes on only while the account still has the
password that this session gave (`flows.current`).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, router, transaction
from django.http import HttpRequest

from django_sespan import signals
from django_sespan.adapter import get_adapter
from django_sespan.atomicity import refuse_transaction
from django_sespan.flows.address_lock import lock_address
from django_sespan.flows.decoy import mask
from django_sespan.flows.hold import hold
from django_sespan.flows.pending import REGISTRATION, Pending, stamp, subject
from django_sespan.flows.tell import tell
from django_sespan.registrations import get_registrations

if TYPE_CHECKING:
    from django_sespan.forms import RegisterForm

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Saved:
    """What became of a form. Without `waits`, `user` is an account that needs no code."""

    user: AbstractBaseUser
    waits: bool = True
    replaced: bool = False
    again: bool = False  # the same visitor's same registration
    marked: bool = True


def register(
    request: HttpRequest, form: RegisterForm, next_url: str = "", register_url: str = ""
) -> Pending | None:
    """Save a valid form and remember the registration in the session.

    Gives None when a concurrent registration took a unique value; the form then says
    which. Raises SespanUnavailable when an unverified registration cannot be replaced now,
    and IntegrityError for a rule of the database that the form does not know.
    """
    refuse_transaction()
    password = form.cleaned_data["password1"]
    form.password_hash = make_password(password)
    same = _same_password(form.replaced(), password)
    try:
        saved = _save(request, form, same)
    except IntegrityError:
        if form.find_conflict():
            return None
        saved = _save(request, form, _same_password(form.replaced(), password))
    if saved.waits and not saved.again:
        tell(
            signals.customer_registered,
            sender=type(saved.user),
            request=request,
            user=saved.user,
            replaced=saved.replaced,
        )
    pending = _pending(form.cleaned_data[form.email_field], saved)
    pending.next_url, pending.register_url = next_url, register_url
    pending.store(request)
    return pending


def _same_password(user: AbstractBaseUser | None, password: str) -> AbstractBaseUser | None:
    """Give the user whose password this is. Hashes once in any case."""
    if user is None:
        make_password(password)
        return None
    return user if user.check_password(password) else None


def _save(request: HttpRequest, form: RegisterForm, same: AbstractBaseUser | None) -> _Saved:
    using = router.db_for_write(get_user_model())
    with transaction.atomic(using=using):
        lock_address(form.cleaned_data[form.email_field], using)
        form.look_again()
        known = form.known()
        if known is None:
            return _create(request, form)
        unverified = form.replaced()
        if unverified is None:
            return _Saved(known, waits=False)
        return _replace(request, form, unverified, same)


def _create(request: HttpRequest, form: RegisterForm) -> _Saved:
    adapter = get_adapter()
    user = adapter.new_user(request, form)
    user.is_active = False
    adapter.save_user(request, form, user)
    mark = get_registrations().register(user)
    if mark == "ended":
        logger.error("Customer %s is new, but Sespan gives no right to be activated", user.pk)
    return _Saved(user, marked=mark in {"granted", "live"})


def _replace(
    request: HttpRequest,
    form: RegisterForm,
    found: AbstractBaseUser,
    same: AbstractBaseUser | None,
) -> _Saved:
    again = same is not None and same.password == found.password
    own = form.own_customer_id == str(found.pk)
    locked = hold(found, own=own, supersede=not again)
    if locked is None:
        # Verified or banned meanwhile.
        return _Saved(type(found)._default_manager.get(pk=found.pk), waits=False)
    form.fill(locked)
    if again:
        form.password_hash = locked.password
    adapter = get_adapter()
    user = adapter.new_user(request, form)
    user.is_active = False
    adapter.save_user(request, form, user)
    marked = get_registrations().right(user) == "live"
    return _Saved(user, replaced=not again, again=again, marked=marked)


def _pending(email: str, saved: _Saved) -> Pending:
    pending = Pending(purpose=REGISTRATION, email=mask(email), subject=subject(email))
    if saved.waits:
        pending.customer_id, pending.registered = str(saved.user.pk), True
        pending.stamp = stamp(saved.user.password)
        pending.new_customer = not saved.marked
    elif saved.user.is_active or get_registrations().right(saved.user) != "unknown":
        # Sespan answers for it, so that nothing in its answers or their time differs.
        pending.customer_id = str(saved.user.pk)
    return pending
