"""Code first: the customer is created only after the correct code.

    form ─▶ sealed in the challenge ─▶ (mail) ─▶ correct code gives it back ─▶ customer, active

Nothing of an unfinished registration stands in the site's tables or in the session. The
form is checked again when it comes back: a name or the address may be taken by then. An
unverified registration of the address is deleted, because this visitor has verified it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, cast

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import get_hasher, make_password
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, router, transaction
from django.db.models import ProtectedError, RestrictedError
from django.http import HttpRequest, QueryDict
from django.utils.module_loading import import_string

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
from django_sespan.adapter import get_adapter
from django_sespan.forms import RegisterForm

logger = logging.getLogger(__name__)

SALT_KEY = "sespan_salt"


class Conflict(Exception):
    """The address is verified, but the form is not valid any more. `form` has the errors.

    `has_account` is True when the address itself has an account by now.
    """

    def __init__(self, form: RegisterForm, *, has_account: bool = False) -> None:
        super().__init__("the registration is not valid any more")
        self.form, self.has_account = form, has_account


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
    request: HttpRequest, form: RegisterForm, next_url: str = "", register_url: str = ""
) -> PendingCode:
    """Seal a valid form in a challenge and let the session wait for its code.

    Raises SespanError when no code can be sent: there is then nothing to resume.
    """
    refuse_transaction()
    email = str(form.cleaned_data[form.email_field])
    password = make_password(form.cleaned_data["password1"], salt=session_salt(request) or None)
    pending = PendingCode.before_account(email, password)
    pending.known_browser = known_browser.is_known(request, email)
    pending.next_url, pending.register_url = next_url, register_url
    data = {"form": _path(type(form)), "fields": _fields(form), "password": password}
    send_code(request, pending, email=email, data=data)
    pending.store(request)
    return pending


def finish(request: HttpRequest, pending: PendingCode, data: Mapping[str, Any]) -> None:
    """Create the customer of a correct code and let `pending` stand for them; raises Conflict.

    Raises SespanInvalidResponse when the form cannot be read: it was sealed by another version.
    """
    refuse_transaction()
    request.session.pop(SALT_KEY, None)
    form = _read(data)
    form.restore(str(data["password"]))
    try:
        user = _create(request, form) if form.is_valid() else None
    except IntegrityError as exc:
        user, conflict = None, _conflict(exc, form)
    else:
        conflict = Conflict(form)
    if user is None:
        raise conflict
    _adopt(pending, user)


def _conflict(error: IntegrityError, form: RegisterForm) -> Conflict:
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


def _create(request: HttpRequest, form: RegisterForm) -> AbstractBaseUser:
    using = router.db_for_write(get_user_model())
    email = form.cleaned_data[form.email_field]
    with transaction.atomic(using=using):
        lock_address(email, using)
        known = find_account(email, before=form.known_account)
        if known is not None:
            _delete_unverified(form, known)
        adapter = get_adapter()
        user = adapter.new_user(request, form)
        user.is_active = True
        adapter.save_user(request, form, user)
        return user


def _delete_unverified(form: RegisterForm, known: KnownAccount) -> None:
    """Delete an unverified account of this address; raises Conflict for any other."""
    locked = lock_unverified(known.user, supersede=True) if known.unverified else None
    if locked is None:
        raise Conflict(form, has_account=True)
    try:
        locked.delete()
    except (ProtectedError, RestrictedError) as exc:
        logger.warning("An unverified customer cannot be deleted: %s", exc)
        raise Conflict(form, has_account=True) from exc


def _path(form_class: type[RegisterForm]) -> str:
    path = f"{form_class.__module__}.{form_class.__qualname__}"
    try:
        imported = import_string(path)
    except ImportError:
        imported = None
    if imported is not form_class:
        raise ImproperlyConfigured(
            f"{path} must be at the top level of its module, so that it can be imported"
        )
    return path


def _fields(form: RegisterForm) -> dict[str, list[str]]:
    """Return what was typed, without the passwords and anything that is no field of the form."""
    typed = cast(QueryDict, form.data)
    kept: dict[str, list[str]] = {}
    for name, field in form.fields.items():
        if field.widget.needs_multipart_form:
            raise ImproperlyConfigured("A registration with its code first cannot carry files")
        html_name = form.add_prefix(name)
        if name in {"password1", "password2"}:
            continue
        for key in typed:
            if key == html_name or key.startswith(f"{html_name}_"):
                kept[key] = typed.getlist(key)
    return kept


def _read(data: Mapping[str, Any]) -> RegisterForm:
    try:
        form_class = import_string(data["form"])
        typed = QueryDict(mutable=True)
        for name, values in data["fields"].items():
            typed.setlist(name, values)
    except (KeyError, TypeError, AttributeError, ImportError) as exc:
        raise errors.SespanInvalidResponse("the sealed form cannot be read") from exc
    known = isinstance(form_class, type) and issubclass(form_class, RegisterForm)
    if not known or not isinstance(data.get("password"), str):
        raise errors.SespanInvalidResponse("the sealed form is no registration")
    form: RegisterForm = form_class(typed)
    return form
