"""A sign-up form of the site's own, of whatever class, as a registration by code needs it.

    begin     is it valid, but for an address that it knows?  ─▶ its fields, sealed, and the
              password as its hash
    the code  the form is made again from its fields, checked, and saved in the site's own way

The password fields of a form that is made again hold one random password, because the real one
is known only by its hash, which the customer then gets.

What a form says of a known address would tell a stranger who has an account. So it is checked a
second time with an address that nobody has: what it refuses in the one and not in the other, it
refuses for the address alone, and that is not shown where the address has an account.
"""

from __future__ import annotations

import copy
import inspect
import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core import signing
from django.core.exceptions import ImproperlyConfigured
from django.core.validators import validate_email
from django.http import HttpRequest, QueryDict
from django.utils.crypto import constant_time_compare
from django.utils.module_loading import import_string

from django_sespan import errors
from django_sespan._internal import address
from django_sespan._internal.accounts import KnownAccount, find_account, with_email
from django_sespan._internal.flows import pretended_registrations
from django_sespan.adapter import Adapter, get_adapter
from django_sespan.forms import RegisterForm

Save = Callable[[HttpRequest, Any], AbstractBaseUser]
"""(request, form) → the customer of a valid form, saved or not."""

PASSWORD_LENGTH = 24
_SIGNER = signing.Signer(salt="django_sespan.sealed_form")


class SiteForm:
    """A bound form, `RegisterForm` or not; with `save` where the form cannot make a user itself."""

    def __init__(self, form: Any, save: str = "") -> None:
        self.form, self.save_path = form, save
        self.email_field = _email_field(form)
        self.known_account: KnownAccount | None = getattr(form, "known_account", None)

    @property
    def cleaned_data(self) -> dict[str, Any]:
        """What the form made of what was typed."""
        data: dict[str, Any] = self.form.cleaned_data
        return data

    @property
    def fields(self) -> Mapping[str, Any]:
        """The form's fields."""
        fields: Mapping[str, Any] = self.form.fields
        return fields

    @property
    def instance(self) -> Any:
        """The form's user, or an empty one."""
        return getattr(self.form, "instance", None) or get_user_model()()

    @property
    def email(self) -> str:
        """The address of a valid form."""
        return str(self.cleaned_data[self.email_field])

    @property
    def password(self) -> str | None:
        """The password of a valid form, None where it asks for none."""
        given = (self.cleaned_data.get(name) for name in _secrets(self.form))
        return next((str(value) for value in given if value), None)

    def add_error(self, field: str | None, error: Any) -> None:
        """Add an error, as a form does."""
        self.form.add_error(field, error)

    def is_valid(self) -> bool:
        """Check it; that an address is known is no error."""
        if isinstance(self.form, RegisterForm):
            valid = self.form.is_valid()
            self.known_account = self.form.known_account
            return valid
        if not self.form.is_bound:
            return False
        typed = self._typed_address()
        if typed is not None:
            self._hide_what_tells(typed)
            self._take_over(typed)
        return not self.form.errors

    def finds_conflict(self) -> bool:
        """Check once more for values that somebody took meanwhile; adds the errors."""
        if isinstance(self.form, RegisterForm):
            return self.form.finds_conflict()
        before = len(self.form.errors)
        self.form.full_clean()
        return len(self.form.errors) > before

    def seal(self, password_hash: str) -> dict[str, Any]:
        """Return what makes this form again, signed: what comes back names code to be run."""
        if not self.save_path and not isinstance(self.form, RegisterForm):
            _check_save(self.form)
        data: dict[str, Any] = {
            "form": dotted_path(type(self.form)),
            "fields": _typed(self.form),
            "password": password_hash,
        }
        if self.form.prefix:
            data["prefix"] = str(self.form.prefix)
        if self.save_path:
            data["save"] = self.save_path
        return data | {"signature": _signature(data)}

    @classmethod
    def restore(cls, request: HttpRequest | None, data: Mapping[str, Any]) -> SiteForm:
        """Make a sealed form again; raises SespanInvalidResponse where that cannot be."""
        try:
            form_class, typed = _read(data)
        except (KeyError, TypeError, AttributeError, ImportError, ValueError) as exc:
            raise errors.SespanInvalidResponse("the sealed form cannot be read") from exc
        form = get_adapter().restore_form(request, form_class, typed, data.get("prefix"))
        if isinstance(form, RegisterForm):
            form.restore(str(data["password"]))
        else:
            covered = _secrets(form)
            stand_in = _random_password([form.fields[name] for name in covered])
            for name in covered:
                typed[form.add_prefix(name)] = stand_in
        return cls(form, str(data.get("save", "")))

    def create(self, request: HttpRequest, password_hash: str) -> AbstractBaseUser:
        """Save the customer of a valid form, active, with this password; in the transaction."""
        adapter = get_adapter()
        if self.save_path:
            save: Save = import_string(self.save_path)
            user = save(request, self.form)
            _open(user, password_hash)
            user.save()
            return user
        user = adapter.new_user(request, self.form)
        if isinstance(self.form, RegisterForm):  # it has the hash
            user.is_active = True
        else:
            _open(user, password_hash)
        adapter.save_user(request, self.form, user)
        return user

    def _typed_address(self) -> str | None:
        """Return the address to write to, None where what was typed is none."""
        field, bound = self.form.fields[self.email_field], self.form[self.email_field]
        try:
            typed = str(field.clean(bound.data) or "")
        except forms.ValidationError:
            return None
        try:
            written = address.mailbox(typed)
        except ValueError:
            if self.email_field not in self.form.errors:
                self.form.add_error(self.email_field, validate_email.message)
            return None
        manager: Any = get_user_model()._default_manager
        return str(getattr(manager, "normalize_email", str)(written))

    def _hide_what_tells(self, typed: str) -> None:
        """Take back what the form refuses only because it knows the address."""
        form, nobody = self.form, _nobody(typed)
        others = _messages(_with_address(form, self.email_field, nobody), nobody)
        self.known_account = find_account(typed)
        has_account = with_email(typed, hidden=True).exists()
        if not has_account:
            return
        for name, found in list(form.errors.items()):
            found.data = [e for e in found.as_data() if _text(e, typed) in others.get(name, ())]
            if not found.data:
                del form.errors[name]

    def _take_over(self, typed: str) -> None:
        """Let the address be the one to write to, also where the form itself refused it."""
        form, model = self.form, get_user_model()
        if self.email_field in form.errors:
            return
        form.cleaned_data[self.email_field] = typed
        if isinstance(getattr(form, "instance", None), model):
            setattr(form.instance, model.get_email_field_name(), typed)
        name = form.cleaned_data.get(model.USERNAME_FIELD)
        if not name or self.email_field == model.USERNAME_FIELD:
            return
        if pretended_registrations.takes_name(str(name), typed):
            message = model().unique_error_message(model, (model.USERNAME_FIELD,))
            form.add_error(model.USERNAME_FIELD, message)


def dotted_path(thing: Any) -> str:
    """Return where a class or function is imported from; raises ImproperlyConfigured."""
    path = f"{thing.__module__}.{thing.__qualname__}"
    try:
        imported = import_string(path)
    except ImportError:
        imported = None
    if imported is not thing:
        raise ImproperlyConfigured(
            f"{path} must be at the top level of its module, so that it can be imported"
        )
    return path


def _email_field(form: Any) -> str:
    """Name the field of the address: `form.email_field`, the user model's, or the only one."""
    named = getattr(form, "email_field", None) or get_user_model().get_email_field_name()
    if named in form.fields:
        return str(named)
    found = [n for n, field in form.fields.items() if isinstance(field, forms.EmailField)]
    if len(found) != 1:
        raise ImproperlyConfigured(
            f"{type(form).__name__} has {len(found)} e-mail fields: name the one that gets the "
            "code as its class's attribute email_field"
        )
    return str(found[0])


def _secrets(form: Any) -> list[str]:
    """Name the fields that are typed covered."""
    return [
        name
        for name, field in form.fields.items()
        if getattr(field.widget, "input_type", "") == "password"
    ]


def _typed(form: Any) -> dict[str, list[str]]:
    """Return what was typed, without the passwords and anything that is no field of the form."""
    covered = {form.add_prefix(name) for name in _secrets(form)}
    kept: dict[str, list[str]] = {}
    for name, field in form.fields.items():
        if field.widget.needs_multipart_form:
            raise ImproperlyConfigured("A registration with its code first cannot carry files")
        html_name = form.add_prefix(name)
        for key in form.data:
            if key not in covered and (key == html_name or key.startswith(f"{html_name}_")):
                kept[key] = _values(form.data, key)
    return kept


def _values(data: Any, key: str) -> list[str]:
    if hasattr(data, "getlist"):
        return [str(value) for value in data.getlist(key)]
    value = data[key]
    return [str(v) for v in value] if isinstance(value, list | tuple) else [str(value)]


def _read(data: Mapping[str, Any]) -> tuple[type[Any], QueryDict]:
    unsigned = {name: value for name, value in data.items() if name != "signature"}
    if not constant_time_compare(str(data["signature"]), _signature(unsigned)):
        raise ValueError("it was not sealed by this site")
    form_class = import_string(data["form"])
    if not (isinstance(form_class, type) and issubclass(form_class, forms.BaseForm)):
        raise TypeError("it is no form")
    typed = QueryDict(mutable=True)
    for name, values in data["fields"].items():
        typed.setlist(name, values)
    return form_class, typed


def _signature(data: Mapping[str, Any]) -> str:
    return _SIGNER.signature(json.dumps(data, sort_keys=True))


def _check_save(form: Any) -> None:
    """Refuse at once what could make no customer after the code."""
    if type(get_adapter()).new_user is not Adapter.new_user:
        return
    save = getattr(form, "save", None)
    if save is None or not {"commit", "request"} & set(inspect.signature(save).parameters):
        raise ImproperlyConfigured(
            f"{type(form).__name__} has neither save(commit=False) nor save(request) that gives "
            "a user: begin(request, form, save=function) with function(request, form) → user"
        )


def _open(user: Any, password_hash: str) -> None:
    user.is_active, user.password = True, password_hash
    user._password = None  # the random one, which nobody is to be told of


def _random_password(fields: list[forms.Field]) -> str:
    """Return one that the usual rules take, and that fits the fields."""
    least = [getattr(field, "min_length", None) or 0 for field in fields]
    most = [getattr(field, "max_length", None) or PASSWORD_LENGTH for field in fields]
    length = max(min([PASSWORD_LENGTH, *most]), *least, 0)
    return ("aA1-" + secrets.token_urlsafe(length))[:length]


def _nobody(email: str) -> str:
    return f"{secrets.token_hex(10)}@{email.rpartition('@')[2]}"


def _with_address(form: Any, email_field: str, email: str) -> Any:
    """Return a copy of the form with another address."""
    other = copy.copy(form)
    other.data = form.data.copy()
    other.data[form.add_prefix(email_field)] = email
    other._errors, other._bound_fields_cache = None, {}
    if getattr(form, "instance", None) is not None:
        other.instance = copy.copy(form.instance)
    return other


def _messages(form: Any, email: str) -> dict[str, set[str]]:
    return {
        name: {_text(error, email) for error in found.as_data()}
        for name, found in form.errors.items()
    }


def _text(error: forms.ValidationError, email: str) -> str:
    """Return what an error says, whichever address it names."""
    return " ".join(error.messages).replace(email, "")
