"""A person made a customer active: their right to be activated by a code is over.

    user.save()            ─▶ post_save ─▶ `sespan.otp_activated`, in the same transaction
    QuerySet.update, SQL   ─▶ no signal: the trigger of `sespan bind-customers --watch`

So a ban that comes later holds, whatever code is still in a mailbox. Saves of an inactive
customer change nothing: that customer waits.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db.models.signals import post_save

from django_sespan._internal.runtime import runtime
from django_sespan.conf import get_settings


def connect() -> None:
    """Listen to the user model, its proxies and children."""
    user = get_user_model()
    for model in (m for m in apps.get_models() if issubclass(m, user)):
        post_save.connect(after_save, sender=model, dispatch_uid="sespan.activated")


def after_save(*, instance: Any, created: bool, using: str, **_: Any) -> None:
    """Tell Sespan of a customer who is active; it looks itself whether that is so.

    A login counts too, as it saves `last_login`. A new customer has no right yet.
    """
    if created or not instance.is_active or using != get_settings().database:
        return
    runtime.registrations.activated(instance)
