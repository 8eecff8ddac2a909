"""A form for a new password that mails in a way of its own, with our mixin before it."""

from __future__ import annotations

import pytest
from django.contrib.auth.forms import PasswordResetForm
from django.contrib.auth.models import User

from django_sespan.forms import PasswordResetMixin

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_backend")]


class OwnWay(PasswordResetForm):
    """As Oscar's: it asks for the users and mails them itself."""

    def save(self, **kwargs):
        self.mailed = [user.email for user in self.get_users(self.cleaned_data["email"])]


class Mixed(PasswordResetMixin, OwnWay):
    """Within the budgets."""


def mailed(email):
    form = Mixed({"email": email})
    assert form.is_valid()
    form.save(request=None)
    return form.mailed


def test_nobody_is_mailed_who_is_unknown():
    """The decoy of an unknown address is taken back only where Django's own form mails it."""
    User.objects.create_user("budi", "budi@example.com", "x")
    assert mailed("budi@example.com") == ["budi@example.com"]
    assert mailed("nobody@elsewhere.example") == []
