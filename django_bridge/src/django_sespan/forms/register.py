"""The form of the registration page, for any user model."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.forms import BaseUserCreationForm, UsernameField
from django.core.exceptions import ValidationError

from django_sespan._internal.registrations import is_unverified

if TYPE_CHECKING:
    from collections.abc import Iterator

User = get_user_model()
EMAIL_FIELD = User.get_email_field_name()


class RegisterForm(BaseUserCreationForm):  # type: ignore[type-arg]  # no subscript at run time
    """Registration for any user model: its name field, e-mail, required fields, password twice.

    It never says that an e-mail address is taken; `flows.register` treats such an
    address without telling the visitor. A taken user name is said, unless it is taken by
    the unverified registration that this one replaces.
    """

    email_field = EMAIL_FIELD

    own_customer_id: str | None = None
    """The account that this visitor's session has registered."""

    password_hash = ""
    """Hash that `save` takes over: it is made before the transaction, or sealed in a challenge."""

    _known: tuple[str, AbstractBaseUser | None] | None = None
    _unverified: tuple[object, bool] | None = None

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

    def save(self, commit: bool = True) -> Any:
        """Give the user with this form's data; a `password_hash` is taken as it is."""
        if not self.password_hash:
            return super().save(commit=commit)
        user = super(BaseUserCreationForm, self).save(commit=False)
        user.password = self.password_hash
        # Django tells the password validators once such a user is saved.
        user._password = self.cleaned_data.get("password1")
        if commit:
            user.save()
            self.save_m2m()
        return user

    def restore(self, password_hash: str) -> None:
        """Become the form of somebody who filled it in before, on another page.

        The password is known by its hash only. A subclass drops here what cannot be
        checked twice, such as a captcha.
        """
        self.password_hash = password_hash
        for name in ("password1", "password2"):
            self.fields.pop(name, None)

    def fill(self, user: AbstractBaseUser) -> None:
        """Put this form's data on another user of the model, and go on with that one.

        What the form leaves out falls back to its default, not to an older form's value.
        """
        options = self._meta
        for field in user._meta.concrete_fields:
            if field.name in self.cleaned_data and field.has_default():
                setattr(user, field.attname, field.get_default())
        self.instance = forms.models.construct_instance(self, user, options.fields, options.exclude)

    def known(self) -> AbstractBaseUser | None:
        """Give the account that this address has, in whatever case it is written.

        Where a site has several, an active one, else the oldest: one that was banned
        must not come back as a newer registration of the same address.
        """
        email = self.cleaned_data.get(self.email_field)
        if not email:
            return None
        if self._known is None or self._known[0] != email:
            found = User._default_manager.filter(**{f"{self.email_field}__iexact": email})
            self._known = (email, found.order_by("-is_active", "pk").first())
        return self._known[1]

    def replaced(self) -> AbstractBaseUser | None:
        """Give the unverified account of this address, whose data this form may replace."""
        user = self.known()
        if user is None or user.is_active:
            return None
        if self._unverified is None or self._unverified[0] != user.pk:
            own = self.own_customer_id == str(user.pk)
            self._unverified = (user.pk, is_unverified(user, own=own))
        return user if self._unverified[1] else None

    def look_again(self) -> None:
        """Forget what the look-up of the address gave: somebody else may have registered it."""
        self._known = None

    def find_conflict(self) -> bool:
        """Look again for values that another registration took meanwhile; adds the errors."""
        before = len(self.errors)
        self.look_again()
        self.validate_unique()
        self.validate_constraints()
        return len(self.errors) > before

    def validate_unique(self) -> None:
        """Check the unique fields but the address."""
        self._validate(self.instance.validate_unique)

    def validate_constraints(self) -> None:
        """Check the constraints that do not speak of the address."""
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
            with self._as_the_replaced_one():
                check(exclude=excluded | {self.email_field})
        except ValidationError as error:
            self._update_errors(error)  # type: ignore[attr-defined]

    @contextmanager
    def _as_the_replaced_one(self) -> Iterator[None]:
        """Check as the unverified account: what it holds is no conflict with itself."""
        user, before = self.replaced(), (self.instance.pk, self.instance._state.adding)
        if user is not None:
            self.instance.pk, self.instance._state.adding = user.pk, False
        try:
            yield
        finally:
            self.instance.pk, self.instance._state.adding = before
