"""Money as Indonesians write it: Rp 150.000."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from django import template

register = template.Library()


@register.filter
def rupiah(amount: Decimal | int | str | None) -> str:
    """Return an amount as `Rp 150.000`, with a space that does not break; nothing for None."""
    if amount is None or amount == "":
        return ""
    whole = Decimal(amount).quantize(Decimal(1), rounding=ROUND_HALF_UP)
    grouped = f"{abs(whole):,}".replace(",", ".")
    return f"{'−' if whole < 0 else ''}Rp\N{NO-BREAK SPACE}{grouped}"
