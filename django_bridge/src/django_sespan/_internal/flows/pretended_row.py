"""The row that a pretended registration tries, and whose refusal is a real one's, too.

    as typed    Budi.2@Example.com      the site's rules see its spelling, length and domain
    as tried    Xqwe.7@Example.com      and nobody has it

A rule of the site's own database refuses a real registration, so it must refuse this one: else the
answer tells who has an account. That holds where the row is what the form gives. Code of the
site's may change a real one before it is saved (put the address into small letters, fill a column
of its own): what the database says to this row says nothing of that one then.
"""

from __future__ import annotations

import secrets
import string
from copy import copy
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import DatabaseError
from django.db.models import Model
from django.db.models.signals import pre_save

from django_sespan._internal.flows import taken
from django_sespan.adapter import Adapter, get_adapter
from django_sespan.forms import RegisterForm

KINDS = (string.ascii_lowercase, string.ascii_uppercase, string.digits)
ADAPTER_HOOKS = ("new_user", "save_user")
MODELS_OWN = (Model.save, AbstractBaseUser.save)


def make(form: RegisterForm) -> AbstractBaseUser:
    """Return the unsaved user: what the form gives, with an address that nobody has."""
    user: Any = copy(form.instance)
    user._state = copy(user._state)
    user._state.adding, user.pk, user.is_active = True, None, False
    user.password = form.password_hash
    if not form.cleaned_data.get(user.USERNAME_FIELD):
        setattr(user, user.USERNAME_FIELD, secrets.token_hex(10))
    setattr(user, form.email_field, alike(str(getattr(user, form.email_field))))
    made: AbstractBaseUser = user
    return made


def alike(address: str) -> str:
    """Return another address that looks the same: each letter and digit is one of its kind."""
    local, at, domain = address.rpartition("@")
    return "".join(map(_other, local)) + at + domain


def _other(letter: str) -> str:
    return next((secrets.choice(kind) for kind in KINDS if letter in kind), letter)


def is_refused_alike(error: DatabaseError, form: RegisterForm, user: Any, using: str) -> bool:
    """Whether a new customer with this form is refused as this user, made by `make`, was."""
    if is_as_the_form_gives(form):
        return not taken.is_address(error, form, str(getattr(user, form.email_field)))
    return form.email_field != user.USERNAME_FIELD and taken.is_user_name(error, using)


def is_as_the_form_gives(form: RegisterForm) -> bool:
    """Whether no code of the site's changes a new customer on the way to the database."""
    adapter, model = type(get_adapter()), type(form.instance)
    return (
        all(getattr(adapter, hook) is getattr(Adapter, hook) for hook in ADAPTER_HOOKS)
        and type(form).save is RegisterForm.save
        and model.save in MODELS_OWN
        and model.save_base is Model.save_base
        and not _is_listened_to(model)
    )


def _is_listened_to(model: type[Model]) -> bool:
    """Whether anybody but the bridge hears of a user who is about to be saved."""
    signal: Any = pre_save
    return any(
        str(getattr(receiver, "__module__", "")).partition(".")[0] != "django_sespan"
        for receivers in signal._live_receivers(model)
        for receiver in receivers
    )
