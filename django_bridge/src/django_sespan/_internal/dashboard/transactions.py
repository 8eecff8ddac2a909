"""Transactions and discounts, and each tier: promised beside observed."""

from __future__ import annotations

from decimal import Decimal

from django.utils.translation import gettext as _

from django_sespan._internal.dashboard import numbers, words
from django_sespan._internal.dashboard.frame import (
    Cell,
    Chart,
    Column,
    Panel,
    Series,
    StepTable,
    Table,
)
from django_sespan._internal.dashboard.steps import Steps, steps
from django_sespan._internal.stats import DrawsOfTier, TransactionStats


def panel(answer: TransactionStats) -> Panel:
    """Show draws and discounts by step, and the tiers."""
    by = steps(answer, [bucket.at for bucket in answer.buckets])
    return Panel(
        "transactions",
        _("Transactions and discounts"),
        [_draws(answer, by), _discounts(answer, by)],
        _table(answer, by),
        [_tiers(answer)],
    )


def _draws(answer: TransactionStats, by: Steps) -> Chart:
    total = answer.total
    draws = [bucket.draws for bucket in answer.buckets]
    won = [bucket.wins for bucket in answer.buckets]
    full = [b.draws - b.wins for b in answer.buckets]
    series = [
        Series(_("With a discount"), "amber", won, numbers.count(total.wins)),
        Series(_("Without"), "grey", full, numbers.count(total.draws - total.wins)),
    ]
    title = _title(answer)
    sentence = words.peak(_("Transactions"), numbers.count(total.draws), by, draws)
    return Chart("transactions", title, "bars", sentence, series)


def _discounts(answer: TransactionStats, by: Steps) -> Chart:
    given = [bucket.discount for bucket in answer.buckets]
    total = numbers.money(answer.total.discount)
    title = _("Discounts given %(per_step)s") % {"per_step": words.per_step(answer.step)}
    series = [Series(_("Discounts"), "violet", given, total)]
    sentence = words.peak(_("Discounts"), total, by, given)
    return Chart("discounts", title, "bars", sentence, series, "money")


def _title(answer: TransactionStats) -> str:
    return _("Transactions %(per_step)s") % {"per_step": words.per_step(answer.step)}


def _table(answer: TransactionStats, by: Steps) -> StepTable:
    columns = [
        words.step_column(answer.step),
        Column("draws", _("Transactions")),
        Column("wins", _("With a discount")),
        Column("capped", _("Stopped by a limit")),
        Column("amount", _("Amount"), "money"),
        Column("discount", _("Discount"), "money"),
        Column("cancelled", _("Cancelled")),
        Column("cancelled_amount", _("Amount cancelled"), "money"),
        Column("cancelled_discount", _("Discount cancelled"), "money"),
    ]
    rows: list[list[Cell]] = [
        [name, *(getattr(bucket, column.name) for column in columns[1:])]
        for name, bucket in zip(by.names, answer.buckets, strict=True)
    ]
    return StepTable("transactions", words.table(_title(answer)), columns, rows, steps=by)


def _tiers(answer: TransactionStats) -> Table:
    return Table(
        "tiers",
        _("Tiers: promised, and observed with the interval of 95 percent"),
        [
            Column("tier", _("Tier"), "text"),
            Column("draws", _("Transactions")),
            Column("wins", _("With a discount")),
            Column("discount", _("Discount"), "money"),
            Column("promised_rate", _("Promised"), "rate"),
            Column("observed_rate", _("Observed"), "rate"),
            Column("interval_low", _("Lower end"), "rate"),
            Column("interval_high", _("Upper end"), "rate"),
            Column("verdict", _("Result"), "text"),
        ],
        [_tier(tier) for tier in answer.tiers],
        bars="interval",
        bar_values=[[None if v is None else float(v) for v in _rates(t)] for t in answer.tiers],
    )


def _tier(tier: DrawsOfTier) -> list[Cell]:
    result = numbers.NOTHING if tier.tier_id is None else verdict(tier)
    return [tier_name(tier), tier.draws, tier.wins, tier.discount, *_rates(tier), result]


def _rates(tier: DrawsOfTier) -> list[Decimal | None]:
    """Return promised, observed, and the ends of the interval; nothing where no tier applied."""
    if tier.tier_id is None or tier.interval is None:
        return [None if tier.tier_id is None else tier.promised_rate, None, None, None]
    return [tier.promised_rate, tier.observed_rate, tier.interval.low, tier.interval.high]


def tier_name(tier: DrawsOfTier) -> str:
    """Return what a tier is called."""
    if tier.tier_id is None:
        return _("No tier")
    return tier.name or _("Tier %(number)s") % {"number": tier.tier_id}


def verdict(tier: DrawsOfTier) -> str:
    """Say whether the promised rate lies within the interval of the observed one."""
    if tier.interval is None or tier.promised_rate is None:
        return _("no draws")
    margin = Decimal("0.0000005")  # the rates come with six decimals
    if tier.interval.low - margin <= tier.promised_rate <= tier.interval.high + margin:
        return _("as promised")
    if tier.promised_rate < tier.interval.low:
        return _("more than promised")
    return _("less than promised")
