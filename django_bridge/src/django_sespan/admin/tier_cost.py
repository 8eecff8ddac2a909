"""What a tier costs, in sentences: shown beside its form, while it is filled in, too."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from django_sespan._internal.money import money, percent
from django_sespan.forms.percent import PercentField

ORDERS = 100
EXAMPLE = Decimal(100_000)


class CostForm(forms.Form):
    """What of a tier's form says what it costs."""

    probability = PercentField(places=18)
    discount = PercentField(places=6)
    minimum_transaction = forms.DecimalField(required=False, min_value=0, max_digits=19)
    maximum_transaction = forms.DecimalField(required=False, min_value=0, max_digits=20)
    maximum_discount = forms.DecimalField(required=False, min_value=0, max_digits=19)
    budget_amount = forms.DecimalField(required=False, min_value=0, max_digits=22)
    budget_uses = forms.IntegerField(required=False, min_value=0, max_value=2**63 - 1)


def sentences(values: dict[str, Any]) -> Iterator[str]:
    """Say what these values of a tier cost: on average, for one order, and at most."""
    probability, discount = values["probability"], values["discount"]
    cap = values.get("maximum_discount")
    average = probability * discount
    yield _(
        "Of %(orders)s orders about %(wins)s win a discount of %(discount)s. On average that is "
        "%(cost)s of what is ordered in this tier."
    ) % {
        "orders": ORDERS,
        "wins": number_format((probability * ORDERS).normalize().quantize(Decimal("0.1")), 1)
        if probability * ORDERS % 1
        else int(probability * ORDERS),
        "discount": percent(discount),
        "cost": percent(average.quantize(Decimal("0.0001"))),
    }
    for amount, text in _examples(values):
        saved = amount * discount if cap is None else min(amount * discount, cap)
        yield text % {
            "amount": money(amount),
            "paid": money((amount - saved).quantize(Decimal("0.01"))),
            "saved": money(saved.quantize(Decimal("0.01"))),
        }
    yield _limit(values)


def _examples(values: dict[str, Any]) -> Iterator[tuple[Decimal, str]]:
    """Give one or two amounts of the tier, with the sentence about them."""
    first, after = values.get("minimum_transaction"), values.get("maximum_transaction")
    if first or after is None:
        text = _("An order of %(amount)s that wins is paid with %(paid)s: %(saved)s less.")
        yield first or EXAMPLE, text
    if after:
        text = _("One just below %(amount)s is paid with %(paid)s: %(saved)s less.")
        yield after, text


def _limit(values: dict[str, Any]) -> str:
    amount, uses = values.get("budget_amount"), values.get("budget_uses")
    if amount is None and uses is None:
        return _("No budget limits what it costs in all.")
    parts = []
    if amount is not None:
        parts.append(_("%(amount)s of discounts") % {"amount": money(amount)})
    if uses is not None:
        parts.append(_("%(count)s winners") % {"count": number_format(uses, force_grouping=True)})
    return _("It costs at most: %(limits)s. After that nobody wins.") % {"limits": ", ".join(parts)}
