"""Save an inactive customer, commit, and only then ask for a code.

    address           what is saved                      what Sespan is asked
    unknown           a new inactive customer, with the  for a code
                      right to be activated
    unverified        the newest form and password;      for a code of a new challenge
                      older codes are superseded
    … same password   the newest form                    for the code under way
    has an account,   nothing                            by the same call; the owner is
    or is banned                                         notified, no code is correct

The visitor sees the same page in every row, and the hashing takes as long.

The newest registration wins, because nobody has proven the address yet. It never inherits
the code of an older one: `otp_register` locks the older challenges before the customer is
locked and looked at again, so that a code is either used before, and the account is then
verified, or superseded. And a session goes on only while the account still has the
password that this session gave (`pending_code.check_session`).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import AbstractBaseUser
from django.db import DatabaseError, router, transaction
from django.http import HttpRequest

from django_sespan import errors, known_browser, signals
from django_sespan._internal.accounts import (
    find_account,
    lock_address,
    lock_unverified,
    with_email,
    with_key,
)
from django_sespan._internal.atomicity import refuse_transaction
from django_sespan._internal.flows import (
    pretended_registrations,
    pretended_row,
    taken,
    use_budget,
)
from django_sespan._internal.flows.pending_code import PendingCode, fingerprint
from django_sespan._internal.flows.pretended_registrations import PretendedRegistration
from django_sespan._internal.runtime import runtime
from django_sespan._internal.violations import violation, without_rows
from django_sespan.adapter import get_adapter
from django_sespan.conf import get_settings
from django_sespan.forms import RegisterForm

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Saved:
    """The result of saving a form. Without `waits`, `user` is an account that needs no code."""

    user: AbstractBaseUser
    waits: bool = True
    replaced: bool = False
    again: bool = False  # the same visitor's same registration


@dataclass(frozen=True)
class _Password:
    """The typed password, and whether it is that of the account that was found first."""

    typed: str = field(repr=False)
    user: AbstractBaseUser | None
    matches: bool

    def is_of(self, user: AbstractBaseUser) -> bool:
        """Hash again only when another registration, or a double submit, came first."""
        if self.user is not None and self.user.password == user.password:
            return self.matches
        return user.check_password(self.typed)


def register(
    request: HttpRequest, form: RegisterForm, next_url: str = "", register_url: str = ""
) -> PendingCode | None:
    """Save a valid form and remember the registration in the session.

    Returns None when a concurrent registration took a unique value; the form then has
    the error. Raises OTPTooSoon when no mail may be sent, SespanUnavailable when an unverified
    registration cannot be replaced now, SespanMisconfigured when no customer could be activated
    later, and SiteRuleViolated for a rule of the site's database that the form does not know.
    """
    refuse_transaction()
    runtime.registrations.require()  # whoever has the address: the answer is the same
    typed = form.cleaned_data["password1"]
    form.password_hash = make_password(typed)
    email = form.cleaned_data[form.email_field]
    # Either of the two hashes once, so that the time reveals nothing.
    older = form.replaceable
    pretended = pretended_registrations.look_up(email, typed) if older is None else None
    password = _Password(typed, older, matches=bool(older and older.check_password(typed)))
    if not (password.matches or (pretended is not None and pretended.password_matches)):
        _refuse_without_mail(request, email, password)
    saved = _save_or_explain(request, form, password)
    if saved is None:
        return None
    if not saved.waits:
        _supersede_pretended(saved.user, pretended)
    elif not saved.again:
        signals.send_signal(
            signals.customer_registered,
            sender=type(saved.user),
            request=request,
            user=saved.user,
            replaced=saved.replaced,
        )
    if saved.waits:
        pending = PendingCode.for_account(email, saved.user)
    else:
        given = fingerprint(form.password_hash)
        pending = PendingCode.for_known_address(email, saved.user, given)
    pending.known_browser = known_browser.is_known(request, email)
    pending.next_url, pending.register_url = next_url, register_url
    pending.begin(request)
    return pending


def _refuse_without_mail(request: HttpRequest, email: str, password: _Password) -> None:
    """Raise OTPTooSoon where no mail of a new registration could go now.

    What sends no mail supersedes nothing: else a stranger could end the owner's codes again
    and again, long after the last mail that the address may get.
    """
    seconds = use_budget.look(request, "mails", email)
    if seconds > 0 and not _came_second(email, password):
        raise errors.OTPTooSoon("no mail may go to this address now", retry_after=seconds)


def _came_second(email: str, password: _Password) -> bool:
    """Whether the same registration came first meanwhile: a double click. Hashes once."""
    found = find_account(email)
    user = found.user if found is not None and found.unverified else None
    if user is not None and (password.user is None or password.user.password != user.password):
        return user.check_password(password.typed)
    pretended = pretended_registrations.look_up(email, password.typed)
    return user is None and pretended is not None and pretended.password_matches


def _supersede_pretended(user: AbstractBaseUser, before: PretendedRegistration | None) -> None:
    """Let a pretended registration replace the one before, as a real one does."""
    if before is not None and not before.password_matches and user.pk is not None:
        runtime.registrations.supersede(user)


def _save_or_explain(
    request: HttpRequest, form: RegisterForm, password: _Password
) -> _Saved | None:
    """Save; None where the form has the errors. An address that is taken is like a known one."""
    try:
        return _save(request, form, password)
    except DatabaseError as exc:
        found = taken.explain(exc, form)
    if not found.address:
        return None
    # Registered meanwhile by another way, or by somebody whom the site's manager hides.
    email = form.cleaned_data[form.email_field]
    if find_account(email) is not None:
        form.known_account = None
        return _save(request, form, password)
    user = with_email(email, hidden=True).first() or get_user_model()()
    pretended_registrations.begin(form, user)
    return _Saved(user, waits=False)


def _save(request: HttpRequest, form: RegisterForm, password: _Password) -> _Saved:
    using = router.db_for_write(get_user_model())
    email = form.cleaned_data[form.email_field]
    with transaction.atomic(using=using):
        lock_address(email, using)
        known = find_account(email, before=form.known_account)
        has_account = known is not None and not known.unverified
        pretended_registrations.begin(form, known.user if known and has_account else None)
        if known is None:
            with transaction.atomic(using=using):  # the savepoint of `_pretend`
                return _create(request, form)
        if has_account:
            _pretend(form, using)
            return _Saved(known.user, waits=False)
        return _replace(request, form, known.user, password)


def _pretend(form: RegisterForm, using: str) -> None:
    """Do what a new customer costs the database, and undo it, so that the time is the same.

    Nothing of the site's is called for it, neither signals nor the adapter: what they do could
    not be undone. The user name is inserted as it was given: whoever registers it at this moment
    is waited for. What would refuse a new customer, too, raises DatabaseError, as it does there.
    """
    if get_settings().in_memory:
        return
    user = pretended_row.make(form)
    try:
        with transaction.atomic(using=using):
            type(user)._base_manager.using(using).bulk_create([user])
            runtime.registrations.register(user)
            transaction.set_rollback(True, using=using)
    except DatabaseError as exc:
        if pretended_row.is_refused_alike(exc, form, user, using):
            raise
        logger.debug("A pretended registration costs less than a real one: %s", violation(exc))
    except Exception as exc:  # noqa: BLE001  (a table that takes no such row)
        without_rows(exc)
        logger.debug("A pretended registration costs less than a real one: %s", exc)


def _create(request: HttpRequest, form: RegisterForm) -> _Saved:
    user = _save_user(request, form, new=True)
    result = runtime.registrations.register(user)
    if result not in {"granted", "live"}:  # rolled back: nothing could ever activate it
        raise errors.SespanMisconfigured(
            f"a new customer gets no right to be activated ({result}): is is_active bound, and "
            "does save_user leave the customer inactive?"
        )
    return _Saved(user)


def _replace(
    request: HttpRequest, form: RegisterForm, older: AbstractBaseUser, password: _Password
) -> _Saved:
    # The same visitor's code goes on, unless the right has ended since it was looked at.
    again = password.is_of(older) and runtime.registrations.right(older) == "live"
    locked = lock_unverified(older, supersede=not again)
    if locked is None:
        user = with_key(older.pk) or older  # verified or banned meanwhile
        pretended_registrations.begin(form, user)
        return _Saved(user, waits=False)
    form.use_instance(locked)
    if again:
        form.password_hash = locked.password
    user = _save_user(request, form, new=False)
    return _Saved(user, replaced=not again, again=again)


def _save_user(request: HttpRequest, form: RegisterForm, *, new: bool) -> AbstractBaseUser:
    adapter = get_adapter()
    user = adapter.new_user(request, form)
    if new and not user._state.adding:
        raise errors.SespanMisconfigured(
            f"the adapter's new_user gave customer {user.pk}, who is there already: "
            "a registration makes customers, and gives nobody else the right to be activated"
        )
    user.is_active = False
    adapter.save_user(request, form, user)
    return user
