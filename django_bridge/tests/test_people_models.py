"""People of a site whose user model has no is_staff, no e-mail, or no groups at all."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, Group, Permission
from django.db import models

from django_sespan._internal import people
from django_sespan._internal.flows import staff_people


class Numbers(BaseUserManager):
    def create_user(self, number, password=None):
        made = self.model(number=number)
        made.set_password(password)
        made.save()
        return made


class Caller(AbstractBaseUser):
    """Logs in by a phone number; has groups, and neither is_staff nor an e-mail address."""

    number = models.CharField(max_length=20, unique=True)
    is_superuser = models.BooleanField(default=False)
    groups = models.ManyToManyField(Group, related_name="+")  # the real users keep theirs
    user_permissions = models.ManyToManyField(Permission, related_name="+")
    objects = Numbers()
    USERNAME_FIELD = "number"

    class Meta:
        app_label = "people_models"
        managed = False

    def __str__(self):
        return self.number


class Bare(AbstractBaseUser):
    """Has no groups: roles come from the site's own backend."""

    number = models.CharField(max_length=20, unique=True)
    USERNAME_FIELD = "number"

    class Meta:
        app_label = "people_models"
        managed = False

    def __str__(self):
        return self.number


@pytest.fixture
def model(request, monkeypatch):
    chosen = request.param
    for module in (people, staff_people):
        monkeypatch.setattr(module, "get_user_model", lambda: chosen)
    return chosen


@pytest.mark.parametrize("model", [Caller], indirect=True)
def test_without_is_staff_and_email(model):
    assert people.has_groups(model)
    assert staff_people.flags() == []
    assert staff_people.asked_fields() == ["number"]
    assert staff_people.can_create()
    person = staff_people.Person(Caller(pk=1, number="0812"))
    assert (person.name, person.email, person.is_active) == ("0812", "", True)


@pytest.mark.parametrize("model", [Bare], indirect=True)
def test_without_groups(model):
    assert not people.has_groups(model)
    assert people.granted(None, "default") == {}
    assert people.granted([1], "default") == {}
