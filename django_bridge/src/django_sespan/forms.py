"""Forms of the two pages. A shop subclasses RegisterForm to add or drop fields."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast

from django import forms
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.forms import BaseUserCreationForm, UsernameField
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from django_sespan import codes

User = get_user_model()
EMAIL_FIELD = User.get_email_field_name()


class RegisterForm(BaseUserCreationForm):  # type: ignore[type-arg]  # no subscript at run time
    """Registration for any user model: its name field, e-mail, required fields, password twice.

    It never says that an e-mail address is taken; `flows.register` treats such an
    address without telling the visitor. A taken user name is said.
    """

    email_field = EMAIL_FIELD

    class Meta:
        model = User
        fields = list(dict.fromkeys([User.USERNAME_FIELD, EMAIL_FIELD, *User.REQUIRED_FIELDS]))
        field_classes = {"username": UsernameField}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        email = self.fields[self.email_field]
        email.required = True
        email.widget.attrs.update(autocomplete="email", inputmode="email")
        if "phone_number" in self.fields:
            self.fields["phone_number"].widget.attrs.update(autocomplete="tel", inputmode="tel")

    def clean(self) -> dict[str, Any] | None:
        """Bring the address into the form in which it is stored."""
        cleaned = super().clean() or self.cleaned_data
        if email := cleaned.get(self.email_field):
            cleaned[self.email_field] = BaseUserManager.normalize_email(str(email).strip())
        return cleaned

    def known(self) -> AbstractBaseUser | None:
        """Give the account that this address has, in whatever case it is written."""
        email = self.cleaned_data.get(self.email_field)
        if not email:
            return None
        if self._known is None or self._known[0] != email:
            found = User._default_manager.filter(**{f"{self.email_field}__iexact": email})
            self._known = (email, found.order_by("pk").first())
        return self._known[1]

    def resumable(self) -> AbstractBaseUser | None:
        """Give the unverified account that this visitor registered before, proven by its password.

        It covers a double submit and a person who comes back. Without the right password
        anybody could have their own session opened by somebody else's code.
        """
        user = self.known()
        if user is None or not is_unverified(user):
            return None
        typed = self.cleaned_data.get("password1") or ""
        if self._proof is None or self._proof[0] != user.pk:  # hashing is slow: once is enough
            self._proof = (user.pk, user.check_password(typed))
        return user if self._proof[1] else None

    _known: tuple[str, AbstractBaseUser | None] | None = None
    _proof: tuple[object, bool] | None = None

    def look_again(self) -> None:
        """Forget what the look-up of the address gave: a concurrent registration has won."""
        self._known = None

    def find_conflict(self) -> bool:
        """Look again for values that another registration took meanwhile; adds the errors."""
        before = len(self.errors)
        self.validate_unique()
        self.validate_constraints()
        return len(self.errors) > before

    def validate_unique(self) -> None:
        """Check the unique fields but the address, unless this is the same registration again."""
        if self.resumable() is None:
            self._validate(self.instance.validate_unique)

    def validate_constraints(self) -> None:
        """Check the constraints that do not speak of the address."""
        if self.resumable() is None:
            self._validate(self.instance.validate_constraints)

    def _post_clean(self) -> None:
        if hasattr(forms.ModelForm, "validate_constraints"):
            super()._post_clean()  # type: ignore[misc]
            return
        # Django 5.2 has no such hook: it checks the constraints within full_clean, the
        # address included. They are checked afterwards instead, as later versions do.
        full_clean = self.instance.full_clean
        self.instance.full_clean = partial(full_clean, validate_constraints=False)
        try:
            super()._post_clean()  # type: ignore[misc]
        finally:
            del self.instance.full_clean
        if self._validate_unique:  # type: ignore[attr-defined]
            self.validate_constraints()

    def _validate(self, check: Callable[..., None]) -> None:
        try:
            excluded = self._get_validation_exclusions()  # type: ignore[attr-defined]
            check(exclude=excluded | {self.email_field})
        except ValidationError as error:
            self._update_errors(error)  # type: ignore[attr-defined]


def is_unverified(user: AbstractBaseUser) -> bool:
    """Whether an account waits for its first code: inactive and never logged in."""
    return not user.is_active and user.last_login is None


class CodeForm(forms.Form):
    """One field for the code; takes spaces, dashes and full-width digits."""

    code = forms.CharField(
        label=_("Code from the e-mail"),
        max_length=64,
        widget=forms.TextInput(
            attrs={
                "inputmode": "numeric",
                "autocomplete": "one-time-code",
                "autofocus": True,
                "spellcheck": "false",
                "data-sespan-code": "",
            }
        ),
        error_messages={"required": _("Enter the code from the e-mail.")},
    )

    def clean_code(self) -> str:
        """Give the bare digits."""
        code = codes.normalise(cast(str, self.cleaned_data["code"]))
        if code is None:
            raise ValidationError(
                _("That is not the whole code yet: it has only digits, no letters."),
                code="not_a_code",
            )
        return code
