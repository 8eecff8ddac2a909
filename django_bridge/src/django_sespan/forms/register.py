"""The form of the registration page, for any user model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from django import forms
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.forms import BaseUserCreationForm, UsernameField
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from django_sespan._internal import address
from django_sespan._internal.accounts import KnownAccount, find_account
from django_sespan._internal.flows import pretended_registrations

User = get_user_model()
EMAIL_FIELD = User.get_email_field_name()


class RegisterForm(BaseUserCreationForm):  # type: ignore[type-arg]  # no subscript at run time
    """Registration for any user model: its name field, e-mail, required fields, password twice.

    It only cleans; what becomes of the registration is decided by the flow. It never says
    that an e-mail address is taken: the flow treats such an address without telling the
    visitor. A taken user name is an error, unless the unverified registration has it that
    this one replaces.
    """

    email_field = EMAIL_FIELD

    password_hash = ""
    """Hash that `save` takes over: it is made before the transaction, or sealed in a challenge."""

    known_account: KnownAccount | None = None
    """The account that the address had when the form was cleaned."""

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
        """Make the address the one to write to."""
        cleaned = super().clean() or self.cleaned_data
        if email := cleaned.get(self.email_field):
            try:
                written = address.mailbox(str(email))
            except ValueError:
                self.add_error(self.email_field, validate_email.message)
                return cleaned
            # The site's manager may have a rule of its own, which create_user follows.
            manager: Any = User._default_manager
            normalize = getattr(manager, "normalize_email", str)
            cleaned[self.email_field] = normalize(written)
        return cleaned

    def save(self, commit: bool = True) -> Any:
        """Return the user with this form's data; a `password_hash` is taken as it is."""
        if not self.password_hash:
            return super().save(commit=commit)
        user = super(BaseUserCreationForm, self).save(commit=False)
        user.password = self.password_hash
        # Django notifies the password validators once such a user is saved.
        user._password = self.cleaned_data.get("password1")
        if commit:
            user.save()
            self.save_m2m()
        return user

    def restore(self, password_hash: str) -> None:
        """Prepare a form that was filled in before, on another page, and sealed.

        The password is known by its hash only. A subclass drops here what cannot be
        checked twice, such as a captcha.
        """
        self.password_hash = password_hash
        for name in ("password1", "password2"):
            self.fields.pop(name, None)

    def use_instance(self, user: AbstractBaseUser) -> None:
        """Put this form's data on another user of the model, and go on with that one.

        What the form leaves out falls back to its default, not to an older form's value.
        """
        options = self._meta
        for field in user._meta.concrete_fields:
            if field.name in self.cleaned_data and field.has_default():
                setattr(user, field.attname, field.get_default())
        self.instance = forms.models.construct_instance(self, user, options.fields, options.exclude)

    @property
    def replaceable(self) -> AbstractBaseUser | None:
        """The unverified account of this address, whose data this form may replace."""
        known = self.known_account
        return known.user if known is not None and known.unverified else None

    def finds_conflict(self) -> bool:
        """Check once more for values that another registration took meanwhile; adds the errors."""
        before = len(self.errors)
        self._look_up_account()
        self.validate_unique()
        self.validate_constraints()
        return len(self.errors) > before

    def validate_unique(self) -> None:
        """Check the unique fields but the address, and names of pretended registrations."""
        self._validate(self.instance.validate_unique)
        self._check_pretended_name()

    def validate_constraints(self) -> None:
        """Check the constraints that do not involve the address."""
        self._validate(self.instance.validate_constraints)

    def _post_clean(self) -> None:
        self._look_up_account()
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

    def _look_up_account(self) -> None:
        email = self.cleaned_data.get(self.email_field)
        self.known_account = find_account(email, before=self.known_account) if email else None

    def _check_pretended_name(self) -> None:
        """Find a name that a pretended registration took, which to others is like a real one."""
        field, email = User.USERNAME_FIELD, self.cleaned_data.get(self.email_field)
        name = self.cleaned_data.get(field)
        if not email or not name or field == self.email_field or self.has_error(field):
            return
        if pretended_registrations.takes_name(str(name), str(email)):
            self.add_error(field, self.instance.unique_error_message(User, (field,)))

    def _validate(self, check: Callable[..., None]) -> None:
        error = self._conflict(check)
        if error is not None:
            # It may be this registration's own account, saved since it was looked for.
            self._look_up_account()
            error = self._conflict(check)
        if error is not None:
            self._update_errors(error)  # type: ignore[attr-defined]

    def _conflict(self, check: Callable[..., None]) -> ValidationError | None:
        excluded = self._get_validation_exclusions()  # type: ignore[attr-defined]
        try:
            with self._as_replaceable():
                check(exclude=excluded | {self.email_field})
        except ValidationError as error:
            return error
        return None

    @contextmanager
    def _as_replaceable(self) -> Iterator[None]:
        """Check as the unverified account: what it holds is no conflict with itself."""
        user, before = self.replaceable, (self.instance.pk, self.instance._state.adding)
        if user is not None:
            self.instance.pk, self.instance._state.adding = user.pk, False
        try:
            yield
        finally:
            self.instance.pk, self.instance._state.adding = before
