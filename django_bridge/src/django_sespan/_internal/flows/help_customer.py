"""What the staff does for a customer who is not let in. Each deed has its entry in the audit.

    reset      gives the address back what it has used up
    lift       ends what holds codes back from the address
    send       asks for a new code, as the code page does; nobody here sees it
    correct    writes another address, by the site's own rules; older codes end
    activate   makes the customer active, as a code would: an account that was closed stays closed

Clicks may repeat and people may work at the same time: a deed that finds its work done says so.
Whoever may do this could take an account over by its address or by letting it in. So neither
touches people of the staff, unless by a superuser, and the address of a customer who was let in
before is only for who may change users in the site's own administration.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth import get_permission_codename, get_user_model
from django.core.exceptions import ValidationError
from django.db import DatabaseError, connections, transaction
from django.forms import modelform_factory
from django.http import HttpRequest
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from django_sespan import errors
from django_sespan._internal import address, customer_help, messages
from django_sespan._internal.accounts import (
    is_unverified,
    lock_address,
    lock_unverified,
    users_alias,
    with_email,
)
from django_sespan._internal.atomicity import refuse_transaction
from django_sespan._internal.audit import Entry, audited, enter
from django_sespan._internal.staff import roles_of
from django_sespan._internal.user_rows import readable
from django_sespan._internal.violations import refusal
from django_sespan.client import get_client
from django_sespan.conf import get_settings
from django_sespan.mail import queue_admin

logger = logging.getLogger(__name__)

LOCK_TIMEOUT = "2s"


class Refused(Exception):
    """Why nothing was done, for the person at the page."""


def email_of(user: Any) -> str:
    """Return a customer's address, "" for none."""
    return str(getattr(user, user.get_email_field_name(), "") or "")


def is_privileged(user: Any) -> bool:
    """Whether this is somebody of the staff."""
    flags = (getattr(user, name, False) for name in ("is_staff", "is_superuser"))
    return any(flags) or bool(roles_of(user))


def why_not_correct(viewer: Any, user: Any) -> str:
    """Return why this person may not correct the address, "" where they may."""
    if is_privileged(user) and not viewer.is_superuser:
        return _("This is somebody of the staff: only a superuser changes that address.")
    if is_unverified(user) or viewer.has_perm(_change_users()):
        return ""
    return _(
        "The customer was let in before: who may change users in the site’s own administration "
        "corrects the address."
    )


def why_not_activate(viewer: Any, user: Any) -> str:
    """Return why this person may not let the customer in, "" where they may."""
    if user.is_active:
        return _("The account is active already.")
    if is_privileged(user) and not viewer.is_superuser:
        return _("This is somebody of the staff: only a superuser lets them in.")
    if not is_unverified(user):
        return _(
            "The account was closed, or never waited for a code. That is decided in the site’s own "
            "administration of users."
        )
    return ""


def reset(request: HttpRequest, user: Any) -> str:
    """Give the address back what it has used up."""
    with audited(request):
        uses = customer_help.reset(_sespan(), user.pk, email_of(user))
    if not uses:
        raise Refused(_("Nothing was used up."))
    return _("The address may have mails and tries again.")


def lift(request: HttpRequest, user: Any) -> str:
    """End what holds codes back."""
    with audited(request):
        ended = customer_help.lift(_sespan(), email_of(user))
    if not ended:
        raise Refused(_("Codes are not held back from this address."))
    return _("The address is written to again.")


def send(request: HttpRequest, user: Any) -> str:
    """Ask for a code; the customer enters it where the registration was begun."""
    refuse_transaction()
    if not is_unverified(user):
        raise Refused(_("The account does not wait for a code."))
    with audited(request):  # first: no entry, no mail
        enter(_sespan(), Entry("send", "code", str(user.pk), detail="asked for by the staff"))
    try:
        get_client().otp_create(purpose="registration", customer_id=user.pk, locale=get_language())
    except errors.OTPTooSoon as exc:
        wait = messages.wait(exc.retry_after)
        text = _("No mail may go to this address for %(wait)s: allow mails and tries again first.")
        raise Refused(text % {"wait": wait}) from exc
    except errors.SespanError as exc:
        messages.log(logger, "No code for a customer whom the staff helps", exc)
        raise Refused(_("Sespan gave no answer: %(why)s") % {"why": exc.detail}) from exc
    return _(
        "A new code is on its way. The customer enters it on the page that is open, or follows the "
        "link in the mail and gives the password of the registration."
    )


def activate(request: HttpRequest, user: Any) -> str:
    """Let the customer in without a code, where a code would."""
    if why := why_not_activate(request.user, user):
        raise Refused(why)
    with _changing(request):
        locked = lock_unverified(user, supersede=True)
        if locked is None:
            raise Refused(_("The account was changed meanwhile. Look again."))
        locked.is_active = True
        _save(locked)
        before, after = {"is_active": False}, {"is_active": True}
        _enter("update", user, before, after, "let in by hand")
    return _("The customer is let in, and can log in with the password of the registration.")


def correct(request: HttpRequest, user: Any, email: str, was: str) -> str:
    """Write another address. `was` is what the page showed: nobody's correction is overwritten."""
    if why := why_not_correct(request.user, user):
        raise Refused(why)
    try:
        new = address.mailbox(email)
    except ValueError as exc:
        raise Refused(_("This is no e-mail address.")) from exc
    with _changing(request):
        lock_address(new, users_alias())
        others = with_email(new, hidden=True).exclude(pk=user.pk)
        if others.exists():
            raise Refused(_("Another account has this address."))
        customer_help.end_codes(_sespan(), user.pk)
        users: Any = type(user)._base_manager.using(users_alias())
        locked = readable(users).select_for_update().filter(pk=user.pk).first()
        if locked is None or email_of(locked) != was or locked.is_active != user.is_active:
            raise Refused(_("The account was changed meanwhile. Look again."))
        if email_of(locked) == new:
            raise Refused(_("That is the address already."))
        _write_address(locked, new)
        masked = {"email": address.mask(was)}, {"email": address.mask(new)}
        _enter("update", user, *masked, "address corrected by hand")
    return _("The address is corrected, and older codes are no longer valid.")


def _write_address(user: Any, new: str) -> None:
    """Save it by the rules of the site's model; a user name that is the address goes along."""
    field = user.get_email_field_name()
    values = {field: new}
    if field != user.USERNAME_FIELD and address.same(user.get_username(), email_of(user)):
        values[user.USERNAME_FIELD] = new
    form = modelform_factory(type(user), fields=list(values))(values, instance=user)
    if not form.is_valid():
        reasons = [str(text) for texts in form.errors.values() for text in texts]
        raise Refused(" ".join(reasons))
    _save(form.instance)


def _save(user: Any) -> None:
    try:
        with transaction.atomic(using=users_alias()):
            user.save(using=users_alias())
    except DatabaseError as exc:
        found = refusal(exc)
        if found is None:
            raise
        if found.is_taken:
            raise Refused(_("Another account has this address.")) from exc
        logger.error("The site's database refused a customer's row: %s", found)  # noqa: TRY400
        text = _("The site’s database refused: %(rule)s")
        raise Refused(text % {"rule": found.rule or found.state}) from exc
    except ValidationError as exc:
        raise Refused(" ".join(exc.messages)) from exc


def attempt(deed: Callable[..., str], *values: Any) -> str:
    """Do it; whatever the site's own code or database has against it becomes Refused."""
    try:
        return deed(*values)
    except errors.SespanUnavailable as exc:
        raise Refused(_("The account is being changed at this moment. Try again.")) from exc
    except errors.SespanError as exc:
        raise Refused(str(exc)) from exc
    except (queue_admin.SchemaMissing, queue_admin.RoleMissing):
        raise
    except DatabaseError as exc:
        logger.warning("Nothing was done for a customer: %s", str(exc).splitlines()[0])
        raise Refused(_("The database did not take it just now. Try again.")) from exc


@contextmanager
def _changing(request: HttpRequest) -> Iterator[None]:
    """One transaction of the users' database, which is Sespan's, that names who is at work."""
    if users_alias() != _sespan():
        raise Refused(_("Sespan is in another database than the users."))
    with audited(request):
        with connections[
            _sespan()
        ].cursor() as cursor:  # a site may let its statements wait for ever
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [LOCK_TIMEOUT])
        yield


def _enter(action: str, user: Any, before: Any, after: Any, detail: str) -> None:
    enter(_sespan(), Entry(action, "customer", str(user.pk), before, after, detail))


def _change_users() -> str:
    model: Any = get_user_model()
    return f"{model._meta.app_label}.{get_permission_codename('change', model._meta)}"


def _sespan() -> str:
    return get_settings().database
