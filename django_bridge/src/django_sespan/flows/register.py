"""Create an inactive customer, commit, and only then ask for a code."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, router, transaction
from django.http import HttpRequest

from django_sespan.atomicity import refuse_transaction
from django_sespan.flows import decoy
from django_sespan.flows.pending import Pending

if TYPE_CHECKING:
    from django_sespan.forms import RegisterForm

logger = logging.getLogger(__name__)

PURPOSE = "registration"


def register(request: HttpRequest, form: RegisterForm, next_url: str = "") -> Pending | None:
    """Create the customer of a valid form and remember the registration in the session.

    Gives None when a concurrent registration took a unique value; the form then says
    which. A known address creates nothing and looks the same (`decoy`).
    """
    refuse_transaction()
    user, new = form.resumable(), False
    known = form.known()
    if known is None:
        try:
            user, new = _create(form), True
        except IntegrityError:
            form.look_again()
            user = form.resumable()
            if user is None and form.find_conflict():
                return None
    elif known.is_active:
        # As long as hashing the password of a new customer takes.
        make_password(form.cleaned_data["password1"])
    pending = Pending(
        purpose=PURPOSE,
        email=decoy.mask(form.cleaned_data[form.email_field]),
        customer_id=None if user is None else str(user.pk),
        new_customer=new,
        registered=user is not None,
        next_url=next_url,
    )
    pending.store(request)
    return pending


def _create(form: RegisterForm) -> AbstractBaseUser:
    user: AbstractBaseUser = form.save(commit=False)
    user.is_active = False
    with transaction.atomic(using=router.db_for_write(get_user_model())):
        user.save()
        form.save_m2m()
    return user
