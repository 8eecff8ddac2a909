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
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, router, transaction
from django.http import HttpRequest

from django_sespan import signals
from django_sespan._internal.atomicity import refuse_transaction
from django_sespan._internal.flows import pretended_registrations
from django_sespan._internal.flows.address_lock import lock_address
from django_sespan._internal.flows.lock_unverified import hold
from django_sespan._internal.flows.pending_code import Pending
from django_sespan._internal.flows.resume_registration import pretend, wait_for
from django_sespan._internal.flows.send_signal import tell
from django_sespan._internal.registrations import get_registrations
from django_sespan.adapter import get_adapter

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


@dataclass(frozen=True)
class _Proof:
    """Whether the typed password is that of the unverified account that was found first."""

    password: str = field(repr=False)
    user: AbstractBaseUser | None
    matches: bool

    def fits(self, user: AbstractBaseUser) -> bool:
        """Hash again only where somebody else's, or a double submit's, came in between."""
        if self.user is not None and self.user.password == user.password:
            return self.matches
        return user.check_password(self.password)


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
    email = form.cleaned_data[form.email_field]
    # Either of the two hashes once, so that time tells nothing.
    older = form.replaced()
    seen = pretended_registrations.look(email, password) if older is None else None
    proof = _Proof(password, older, matches=bool(older and older.check_password(password)))
    try:
        saved = _save(request, form, proof)
    except IntegrityError:
        if form.find_conflict():
            return None
        saved = _save(request, form, proof)
    if not saved.waits:
        _follow(form, saved.user, seen)
    if saved.waits and not saved.again:
        tell(
            signals.customer_registered,
            sender=type(saved.user),
            request=request,
            user=saved.user,
            replaced=saved.replaced,
        )
    pending = wait_for(email, saved.user) if saved.waits else pretend(email, saved.user)
    pending.new_customer = saved.waits and not saved.marked
    pending.next_url, pending.register_url = next_url, register_url
    pending.store(request)
    return pending


def _follow(
    form: RegisterForm, user: AbstractBaseUser, seen: pretended_registrations.Shadow | None
) -> None:
    """Remember a pretended registration, and let it replace the one before, as a real one does."""
    if seen is not None and not seen.matches:
        get_registrations().register(user)
    name = form.cleaned_data.get(get_user_model().USERNAME_FIELD) or ""
    pretended_registrations.remember(
        form.cleaned_data[form.email_field], str(name), form.password_hash
    )


def _save(request: HttpRequest, form: RegisterForm, proof: _Proof) -> _Saved:
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
        return _replace(request, form, unverified, proof)


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
    proof: _Proof,
) -> _Saved:
    # The same visitor's code goes on; where the mark is missing, it is written first.
    again = proof.fits(found) and get_registrations().right(found) == "live"
    own = form.own_customer_id == str(found.pk)
    held = hold(found, own=own, supersede=not again)
    if held is None:
        # Verified or banned meanwhile.
        return _Saved(type(found)._base_manager.get(pk=found.pk), waits=False)
    form.fill(held.user)
    if again:
        form.password_hash = held.user.password
    adapter = get_adapter()
    user = adapter.new_user(request, form)
    user.is_active = False
    adapter.save_user(request, form, user)
    return _Saved(user, replaced=not again, again=again, marked=held.marked)
