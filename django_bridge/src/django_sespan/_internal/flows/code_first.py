"""Code first: the customer is created only after the correct code.

    form ─▶ sealed in the challenge ─▶ (mail) ─▶ correct code gives it back ─▶ customer, active

Nothing of an unfinished registration stands in the site's tables or in the session. The
form is checked again when it comes back: a name or the address may be taken by then. An
unverified registration of the address is deleted, because this visitor has verified it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import get_hasher, make_password
from django.contrib.auth.models import AbstractBaseUser
from django.db import DatabaseError, router, transaction
from django.db.models import ProtectedError, RestrictedError
from django.http import HttpRequest

from django_sespan import errors, known_browser
from django_sespan._internal.accounts import (
    KnownAccount,
    find_account,
    lock_address,
    lock_unverified,
    with_email,
)
from django_sespan._internal.atomicity import refuse_transaction
from django_sespan._internal.flows import taken
from django_sespan._internal.flows.pending_code import PendingCode, fingerprint
from django_sespan._internal.flows.send_code import send_code
from django_sespan._internal.site_form import SiteForm

logger = logging.getLogger(__name__)

SALT_KEY = "sespan_salt"


class Conflict(Exception):
    """The address is verified, but the form is not valid any more. `form` has the errors.

    `has_account` is True when the address itself has an account by now.
    """

    def __init__(self, form: SiteForm, *, has_account: bool = False) -> None:
        super().__init__("the registration is not valid any more")
        self.form, self.has_account = form.form, has_account


def session_salt(request: HttpRequest) -> str:
    """Return the salt of this session's registrations, and make it with the first page.

    The same form, sent twice, is then the same sealed data, and Sespan answers with the
    same challenge. Empty where the hasher's salt cannot be kept in a session.
    """
    salt = request.session.get(SALT_KEY)
    if not isinstance(salt, str):
        made: object = get_hasher().salt()
        salt = request.session[SALT_KEY] = made if isinstance(made, str) else ""
    return salt


def begin(
    request: HttpRequest, form: Any, next_url: str = "", register_url: str = "", save: str = ""
) -> PendingCode:
    """Seal a valid form in a challenge and let the session wait for its code.

    Raises SespanError when no code can be sent: there is then nothing to resume.
    """
    refuse_transaction()
    site_form = form if isinstance(form, SiteForm) else SiteForm(form, save)
    email = site_form.email
    password = make_password(site_form.password, salt=session_salt(request) or None)
    pending = PendingCode.before_account(email, password)
    pending.known_browser = known_browser.is_known(request, email)
    pending.next_url, pending.register_url = next_url, register_url
    send_code(request, pending, email=email, data=site_form.seal(password))
    pending.begin(request)
    return pending


def finish(request: HttpRequest, pending: PendingCode, data: Mapping[str, Any]) -> None:
    """Create the customer of a correct code and let `pending` stand for them; raises Conflict.

    Raises SespanInvalidResponse when the form cannot be read: it was sealed by another version.
    """
    refuse_transaction()
    request.session.pop(SALT_KEY, None)
    form = SiteForm.restore(request, data)
    try:
        user = _create(request, pending, form, str(data["password"]))
    except DatabaseError as exc:
        raise _conflict(exc, form) from None
    _adopt(pending, user)


def _conflict(error: DatabaseError, form: SiteForm) -> Conflict:
    """Tell the visitor, who has verified the address, what is taken; raises OTPUsed otherwise."""
    try:
        return Conflict(form, has_account=taken.explain(error, form).address)
    except errors.SiteRuleViolated as exc:
        logger.error("A customer could not be made: %s", exc.detail)  # noqa: TRY400  (no row)
    raise errors.OTPUsed("the site's database refused the customer")


def adopt_created(pending: PendingCode) -> bool:
    """Take the customer whom the other request of a double submit has created, if it has."""
    for user in with_email(pending.address).filter(is_active=True):
        if pending.has_password_of(user):
            _adopt(pending, user)
            return True
    return False


def _adopt(pending: PendingCode, user: AbstractBaseUser) -> None:
    pending.customer_id, pending.registered = str(user.pk), True
    pending.password_fingerprint = fingerprint(user.password)


def _create(
    request: HttpRequest, pending: PendingCode, form: SiteForm, password: str
) -> AbstractBaseUser:
    using = router.db_for_write(get_user_model())
    with transaction.atomic(using=using):
        lock_address(pending.address, using)
        known = find_account(pending.address)
        if known is not None:
            _delete_unverified(form, known)
        if not form.is_valid():  # only now: the form may look whether the address has an account
            raise Conflict(form)
        return form.create(request, password)


def _delete_unverified(form: SiteForm, known: KnownAccount) -> None:
    """Delete an unverified account of this address; raises Conflict for any other."""
    locked = lock_unverified(known.user, supersede=True) if known.unverified else None
    if locked is None:
        raise Conflict(form, has_account=True)
    try:
        locked.delete()
    except (ProtectedError, RestrictedError) as exc:
        logger.warning("An unverified customer cannot be deleted: %s", exc)
        raise Conflict(form, has_account=True) from exc
