"""The shop's own user model, as many sites have one."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

phone_number_validator = RegexValidator(
    r"^\+?[0-9][0-9 \-]{6,18}[0-9]$",
    _("Enter a phone number such as 0812 3456 7890 or +62 812 3456 7890."),
)


class CustomerManager(BaseUserManager["Customer"]):
    """Creates customers and finds them by e-mail address, whatever its letter case."""

    def create_user(
        self, email: str, username: str, password: str | None = None, **extra: Any
    ) -> Customer:
        """Create and save a customer; the e-mail address is stored in lower case."""
        customer = self.model(email=email.strip().lower(), username=username, **extra)
        customer.set_password(password)
        customer.save(using=self._db)
        return customer

    def create_superuser(
        self, email: str, username: str, password: str | None = None, **extra: Any
    ) -> Customer:
        """Create and save a member of staff who may do everything."""
        return self.create_user(
            email, username, password, is_staff=True, is_superuser=True, **extra
        )

    def get_by_natural_key(self, username: str | None) -> Customer:
        """Log in with any spelling of the address: Foo@bar.co is foo@bar.co."""
        return self.get(email__iexact=username or "")


class Customer(AbstractBaseUser, PermissionsMixin):
    """A person with an account. `is_active` is set when the e-mailed code was correct."""

    email = models.EmailField(
        _("e-mail address"),
        max_length=254,
        unique=True,
        error_messages={"unique": _("There is already an account with this e-mail address.")},
    )
    username = models.CharField(
        _("username"),
        max_length=60,
        unique=True,
        validators=[UnicodeUsernameValidator()],
        error_messages={"unique": _("This username is taken. Please choose another one.")},
    )
    phone_number = models.CharField(
        _("phone number"), max_length=20, blank=True, validators=[phone_number_validator]
    )
    is_active = models.BooleanField(
        _("active"),
        default=True,
        help_text=_("Untick it to ban a person instead of deleting them."),
    )
    is_staff = models.BooleanField(
        _("staff"), default=False, help_text=_("May open this administration.")
    )
    date_joined = models.DateTimeField(_("date joined"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("last change"), auto_now=True)

    objects: ClassVar[CustomerManager] = CustomerManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["username"]

    class Meta:
        verbose_name = _("customer")
        verbose_name_plural = _("customers")
        constraints = (
            models.UniqueConstraint(
                Lower("email"),
                name="customer_email_unique",
                violation_error_message=_("There is already an account with this e-mail address."),
            ),
        )

    def __str__(self) -> str:
        return self.email

    def clean(self) -> None:
        """Store one spelling of an address."""
        super().clean()
        self.email = self.email.strip().lower()

    def get_short_name(self) -> str:
        """Return what the pages call this person."""
        return self.username
