"""Beside django-allauth: an address that a code has verified is verified for allauth, too.

Otherwise allauth asks whoever registered by a code to confirm the address once more, at their
first login with a password.
"""

from __future__ import annotations

import logging
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from django_sespan._internal.accounts import users_alias
from django_sespan._internal.address import same
from django_sespan._internal.violations import without_rows

logger = logging.getLogger(__name__)

APP = "allauth.account"


def mark_verified(user: AbstractBaseUser) -> None:
    """Mark the user's address in allauth's table; what fails is logged and stops nothing."""
    if not apps.is_installed(APP):
        return
    try:
        with transaction.atomic(using=users_alias()):
            _mark(user)
    except Exception as exc:
        without_rows(exc)
        logger.exception("allauth does not take the address of customer %s as verified", user.pk)


def _mark(user: AbstractBaseUser) -> None:
    email = str(getattr(user, get_user_model().get_email_field_name()))
    model: Any = apps.get_app_config("account").get_model("EmailAddress")
    known = list(model._default_manager.using(users_alias()).filter(user_id=user.pk))
    own = next((one for one in known if same(one.email, email)), None)
    if own is None:
        own = model(user=user, email=email, primary=not any(one.primary for one in known))
    if own.pk is None or not own.verified:
        own.verified = True
        own.save(using=users_alias())
