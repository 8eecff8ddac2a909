"""The forms of the pages People: whom to look for, what somebody may do, who is new."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth import get_user_model
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_sespan._internal.flows import staff_people
from django_sespan._internal.flows.staff_people import ACTIVE, STAFF, Person
from django_sespan._internal.groups import GROUPS

ROLE_TEXTS = {
    "admin": gettext_lazy("admin: changes tiers, mails, people and keys"),
    "dashboard": gettext_lazy("dashboard: sees the charts"),
    "report": gettext_lazy("report: sees and downloads transactions"),
}
FLAG_TEXTS = {
    ACTIVE: gettext_lazy("active: may log in"),
    STAFF: gettext_lazy("may open this administration; the role admin needs it"),
}


class Search(forms.Form):
    """Whom to show."""

    q = forms.CharField(
        label=gettext_lazy("Name or e-mail address"),
        required=False,
        max_length=254,
        widget=forms.TextInput({"type": "search"}),
    )
    role = forms.ChoiceField(
        label=gettext_lazy("Role"),
        required=False,
        choices=[
            ("any", gettext_lazy("any role")),
            *((role, role) for role in GROUPS),
            ("all", gettext_lazy("all users of the site")),
        ],
    )
    page = forms.IntegerField(required=False, min_value=0, max_value=10_000)


class RolesForm(forms.Form):
    """What somebody may do. `was` is what the page showed: only what is changed here counts."""

    ticked = forms.MultipleChoiceField(
        label=gettext_lazy("Allowed to"), required=False, widget=forms.CheckboxSelectMultiple
    )
    was = forms.CharField(required=False, max_length=100, widget=forms.HiddenInput)

    def __init__(self, data: Any, *, person: Person, by: Any) -> None:
        state = staff_people.state(person)
        super().__init__(data, initial={"ticked": sorted(state), "was": " ".join(sorted(state))})
        self.person, self.by = person, by
        self.missing = staff_people.missing_groups()
        choices = list(ROLE_TEXTS.items())
        if person.roles or STAFF in state:  # others are customers: their accounts are the site's
            choices += [(flag, FLAG_TEXTS[flag]) for flag in staff_people.flags()]
        self.fields["ticked"].choices = choices  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Find out what was changed, and refuse what must not be."""
        cleaned: dict[str, Any] = super().clean() or {}
        known = {name for name, _text in self.fields["ticked"].choices}  # type: ignore[attr-defined]
        now, was = set(cleaned.get("ticked", ())), set(cleaned.get("was", "").split()) & known
        gained, lost = now - was, was - now
        if "admin" in gained and STAFF in staff_people.flags():
            gained.add(STAFF)
        cleaned["gained"], cleaned["lost"] = gained, lost - gained
        if self.person.is_superuser:
            raise ValidationError(_("A superuser has every role; only the site changes that."))
        if self.person.user.pk == self.by.pk and lost & {"admin", ACTIVE, STAFF}:
            raise ValidationError(_("This is your own access. Ask another admin to take it."))
        for role in sorted(gained & set(self.missing)):
            raise ValidationError(group_is_missing(role))
        return cleaned


class NewPersonForm(forms.ModelForm):  # type: ignore[type-arg]
    """A new member of the staff: what the user model needs, a first password, roles."""

    password = forms.CharField(
        label=gettext_lazy("First password"),
        required=False,
        max_length=128,
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
        help_text=gettext_lazy(
            "Left empty: nobody knows it, and they set their own by the site’s page for forgotten "
            "passwords."
        ),
    )
    roles = forms.MultipleChoiceField(
        label=gettext_lazy("Allowed to"),
        choices=list(ROLE_TEXTS.items()),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Choose a role; customers register themselves.")},
    )

    def clean_password(self) -> str:
        """Check it by the site's own rules."""
        password = str(self.cleaned_data.get("password") or "")
        if password:
            validate_password(password, self.instance)
        return password

    def clean_roles(self) -> list[str]:
        """Refuse a role whose group is not there."""
        roles: list[str] = self.cleaned_data["roles"]
        for role in roles:
            if role in staff_people.missing_groups():
                raise ValidationError(group_is_missing(role))
        return roles


def group_is_missing(role: str) -> str:
    """Say which group is not there, or gives nothing, and what makes it again."""
    text = _(
        "The group “%(group)s” is missing or has lost its permission. Run: manage.py sespan_init "
        "--groups-only"
    )
    return text % {"group": GROUPS[role]}


def new_person_form() -> type[NewPersonForm]:
    """Return the form for this site's user model."""
    names = staff_people.asked_fields()
    form: Any = forms.modelform_factory(get_user_model(), form=NewPersonForm, fields=names)
    return form  # type: ignore[no-any-return]
