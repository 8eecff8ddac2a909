"""The filters of the report pages. Days are whole and inclusive, as people say them.

"From 1 to 30 November" is [1 November, 1 December) for the service, in whose time zone a
day begins.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib.auth import get_user_model
from django.core.exceptions import (
    FieldError,
    MultipleObjectsReturned,
    ObjectDoesNotExist,
    ValidationError,
)
from django.core.validators import RegexValidator
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_sespan._internal.accounts import users_alias
from django_sespan._internal.report_calls import SummaryFilters, TransactionFilters
from django_sespan._internal.user_rows import UNREADABLE, reading

FIRST_DAY, LAST_DAY = date(2001, 1, 1), date(2998, 12, 31)
LONGEST_BY_CUSTOMER = 92
"""Days: a summary by customer reads the transactions themselves."""
MAX_KEY = 2**63 - 1

GROUPS = [
    ("day", _("Day")),
    ("hour", _("Hour")),
    ("week", _("Week")),
    ("month", _("Month")),
    ("tier", _("Tier")),
    ("customer", _("Customer")),
]
TITLES = {
    "day": _("Day by day"),
    "hour": _("Hour by hour"),
    "week": _("Week by week"),
    "month": _("Month by month"),
    "tier": _("By tier"),
    "customer": _("By customer, largest first"),
}
OUTCOMES: dict[str, dict[str, bool]] = {
    "discounted": {"discounted": True},
    "full-price": {"discounted": False},
    "cancelled": {"cancelled": True},
    "valid": {"cancelled": False},
}
FIELD_OF = {
    "from": "first",
    "to": "last",
    "step": "group_by",
    "group_by": "group_by",
    "customer_id": "customer",
    "tier_id": "tier",
    "order_ref": "order",
    "discounted": "outcome",
    "cancelled": "outcome",
}
"""Parameter of the service → field in which a person set it."""


def today() -> date:
    """Return the day in the site's time zone, whatever zone this request is in."""
    return datetime.now(timezone.get_default_timezone()).date()


def day_field(label: Any) -> forms.DateField:
    """Make a field for a day; browsers send it as YYYY-MM-DD."""
    return forms.DateField(
        label=label,
        required=False,
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
        input_formats=["%Y-%m-%d"],
        error_messages={"invalid": _("This is no day. Write it like 2026-11-30.")},
    )


class ReportForm(forms.Form):
    """What both pages filter by. Without any filter in the address it is this month."""

    first = day_field(_("From"))
    last = day_field(_("To (inclusive)"))
    tier = forms.CharField(label=_("Tier"), required=False, widget=forms.Select)
    customer = forms.CharField(
        label=_("Customer"),
        required=False,
        max_length=254,
        help_text=_("name or number, whole"),
        widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, query: Mapping[str, Any]) -> None:
        data = {
            name: query.get(name, field.initial or "") for name, field in self.base_fields.items()
        }
        if not any(name in query for name in self.base_fields):
            data |= self.defaults()
        super().__init__(data)
        self.cursor = str(query.get("cursor", ""))
        self.set_tiers([])

    def defaults(self) -> dict[str, Any]:
        """Return what a page shows that was opened without filters."""
        now = today()
        return {"first": now.replace(day=1).isoformat(), "last": now.isoformat()}

    def set_tiers(self, tiers: Iterable[tuple[int, str]]) -> None:
        """Offer these tiers; the chosen one stays, whether or not it is among them."""
        names = {str(number): name for number, name in tiers}
        chosen = str(self.data["tier"] or "")
        if chosen.isdecimal() and chosen != "0":
            names.setdefault(chosen, tier_label(chosen, ""))
        options = [("", gettext("any")), *names.items(), ("0", gettext("no tier applied"))]
        self.fields["tier"].widget.choices = options

    def clean_first(self) -> date | None:
        """Refuse a day far from any shop."""
        return _in_range(self.cleaned_data["first"])

    def clean_last(self) -> date | None:
        """Refuse a day far from any shop."""
        return _in_range(self.cleaned_data["last"])

    def clean_tier(self) -> int | None:
        """Read the tier's number."""
        return _number(self.cleaned_data["tier"], gettext("Please choose one of these tiers."))

    def clean_customer(self) -> str:
        """Find the customer's number: by the login name, or given as it is."""
        text: str = self.cleaned_data["customer"]
        return customer_number(text) if text else ""

    def clean(self) -> dict[str, Any]:
        """Refuse a range the wrong way round."""
        cleaned = super().clean() or self.cleaned_data
        first, last = cleaned.get("first"), cleaned.get("last")
        if first and last and last < first:
            self.add_error(
                "last", _("This is before the first day. Please exchange the two, or mend one.")
            )
        return cleaned

    def refuse(self, location: str, sentence: str) -> None:
        """Show what the service refused at the field in which it was set."""
        self.add_error(FIELD_OF.get(location.rpartition(".")[2]), sentence)

    def query(self, **changes: Any) -> str:
        """Return the query of these filters, with changes; None leaves one out."""
        kept = {name: self.data[name] for name in self.fields}
        return urlencode({k: v for k, v in (kept | changes).items() if v is not None})

    def between(self) -> SummaryFilters:
        """Return the range alone, as far as it is valid."""
        first, last = self.cleaned_data.get("first"), self.cleaned_data.get("last")
        return {"since": first, "until": None if last is None else last + timedelta(days=1)}

    def _range(self) -> SummaryFilters:
        return {
            **self.between(),
            "customer_id": self.cleaned_data.get("customer") or None,
            "tier_id": self.cleaned_data.get("tier"),
        }


class SummaryForm(ReportForm):
    """The filters of the summary."""

    group_by = forms.ChoiceField(
        label=_("One row for each"),
        choices=GROUPS,
        initial="day",
        error_messages={"invalid_choice": _("Please choose one of these.")},
    )
    field_order = ["first", "last", "group_by", "tier", "customer"]

    def clean(self) -> dict[str, Any]:
        """Refuse what the service would refuse, in the words of the page."""
        cleaned = super().clean()
        first, last = cleaned.get("first"), cleaned.get("last")
        for name in ("first", "last"):
            if not self.data[name]:
                self.add_error(name, _("Please enter a day."))
        if cleaned.get("group_by") == "customer":
            if first and last and (last - first).days >= LONGEST_BY_CUSTOMER:
                self.add_error("last", _("By customer a report has at most 92 days."))
        elif cleaned.get("customer"):
            self.add_error(
                "customer",
                _("A customer’s sums are there with one row for each customer; choose that."),
            )
        return cleaned

    def filters(self) -> SummaryFilters:
        """Return the filters of a valid form."""
        return self._range()


class TransactionsForm(ReportForm):
    """The filters of the list of transactions."""

    outcome = forms.ChoiceField(
        label=_("Outcome"),
        required=False,
        choices=[
            ("", _("any")),
            ("discounted", _("with a discount")),
            ("full-price", _("without a discount")),
            ("valid", _("not cancelled")),
            ("cancelled", _("cancelled")),
        ],
        error_messages={"invalid_choice": _("Please choose one of these.")},
    )
    order = forms.CharField(
        label=_("Order"),
        required=False,
        strip=True,
        max_length=64,
        help_text=_("whole; of any day"),
        validators=[
            RegexValidator(
                r"^[A-Za-z0-9._:/#-]+\Z", _("An order has letters, digits and . _ : / # - only.")
            )
        ],
        widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false"}),
    )
    field_order = ["first", "last", "order", "customer", "tier", "outcome"]

    @property
    def only_days(self) -> bool:
        """Whether nothing but the days is chosen."""
        return not any(self.data[name] for name in self.fields if name not in {"first", "last"})

    def filters(self) -> TransactionFilters:
        """Return the filters of a valid form."""
        chosen = OUTCOMES.get(self.cleaned_data.get("outcome", ""), {})
        order, found = self.cleaned_data.get("order") or None, self._range()
        if order is not None:  # whoever looks for an order does not know its day
            found |= {"since": None, "until": None}
        return {
            **found,
            "order_ref": order,
            "discounted": chosen.get("discounted"),
            "cancelled": chosen.get("cancelled"),
        }

    def export_filters(self) -> TransactionFilters:
        """Return them with both ends of the range: without, an export has 30 days."""
        filters = self.filters()
        return {
            **filters,
            "since": filters["since"] or FIRST_DAY,
            "until": filters["until"] or today() + timedelta(days=1),
        }


def tier_label(number: object, name: str) -> str:
    """Return a tier's name, or its number where it has none any more."""
    return name or gettext("tier %(number)s") % {"number": number}


def customer_number(text: str) -> str:
    """Return the key of the customer with this login or user name, or the number itself."""
    manager = reading(get_user_model()._default_manager.db_manager(users_alias()))
    for look_up in (manager.get_by_natural_key, lambda name: manager.get(username=name)):
        try:
            return str(look_up(text).pk)
        except (ObjectDoesNotExist, MultipleObjectsReturned, FieldError, *UNREADABLE):
            continue
    return str(_number(text, gettext("There is no customer with this name or number.")))


def _number(text: str, message: str) -> int | None:
    if not text:
        return None
    short = text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_KEY))
    if not short or int(text) > MAX_KEY:
        raise ValidationError(message, code="invalid")
    return int(text)


def _in_range(day: date | None) -> date | None:
    if day is not None and not FIRST_DAY <= day <= LAST_DAY:
        raise ValidationError(gettext("Please choose a day from 2001 on."), code="invalid")
    return day
