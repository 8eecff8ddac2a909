"""Users with a number, an address under another name, and no user name."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models


class Members(BaseUserManager):
    def create_user(self, number, letters="", password=None, **fields):
        user = self.model(number=number, letters=self.normalize_email(letters), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, number, letters="", password=None, **fields):
        return self.create_user(number, letters, password, is_superuser=True, is_staff=True)

    def get_queryset(self):
        return super().get_queryset().filter(left_at__isnull=True)


class Member(AbstractBaseUser, PermissionsMixin):
    member_no = models.BigAutoField(primary_key=True)
    number = models.CharField(max_length=20, unique=True)
    letters = models.EmailField(unique=True)
    full_name = models.CharField(max_length=80)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    left_at = models.DateTimeField(null=True)
    objects = Members()
    USERNAME_FIELD = "number"
    EMAIL_FIELD = "letters"
    REQUIRED_FIELDS = ["full_name"]

    class Meta:
        db_table = "Shop Members"

    def __str__(self):
        return self.number
