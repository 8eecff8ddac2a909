"""The growth of the codes: issued, verified, cumulative."""

from __future__ import annotations

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
from django_sespan._internal.stats import CodeGrowth, CodesBucket


def panel(answer: CodeGrowth) -> Panel:
    """Show both: what each step brought, and the sums since counting began."""
    by = steps(answer, [bucket.at for bucket in answer.buckets])
    return Panel(
        "codes",
        _("Growth of codes"),
        [_growth(answer, by), _brought(answer, by)],
        _table(answer, by),
        [_purposes(answer)],
    )


def _growth(answer: CodeGrowth, by: Steps) -> Chart:
    buckets = answer.buckets
    last = buckets[-1] if buckets else None
    issued = numbers.count(last.cumulative_issued if last else 0)
    verified = numbers.count(last.cumulative_verified if last else 0)
    sentence = _("Since counting began: %(issued)s issued, %(verified)s verified.") % {
        "issued": issued,
        "verified": verified,
    }
    series = [
        Series(_("Issued"), "blue", [b.cumulative_issued for b in buckets], issued),
        Series(_("Verified"), "teal", [b.cumulative_verified for b in buckets], verified),
    ]
    return Chart("codes-growth", _("Codes since counting began"), "growth", sentence, series)


def _brought(answer: CodeGrowth, by: Steps) -> Chart:
    issued = [bucket.issued for bucket in answer.buckets]
    total = numbers.count(answer.total.issued)
    series = [
        Series(_("Issued"), "blue", issued, total),
        Series(
            _("Verified"),
            "teal",
            [bucket.verified for bucket in answer.buckets],
            numbers.count(answer.total.verified),
        ),
    ]
    title = _title(answer)
    return Chart("codes", title, "lines", words.peak(_("Codes issued"), total, by, issued), series)


def _title(answer: CodeGrowth) -> str:
    return _("Codes %(per_step)s") % {"per_step": words.per_step(answer.step)}


def _table(answer: CodeGrowth, by: Steps) -> StepTable:
    columns = [words.step_column(answer.step)]
    columns += [Column(name, label) for name, label in _labels().items()]
    columns += [
        Column("cumulative_issued", _("Issued, since ever")),
        Column("cumulative_verified", _("Verified, since ever")),
    ]
    rows: list[list[Cell]] = [
        [name, *_cells(bucket, columns[1:])]
        for name, bucket in zip(by.names, answer.buckets, strict=True)
    ]
    return StepTable("codes", words.table(_title(answer)), columns, rows, steps=by)


def _cells(bucket: CodesBucket, columns: list[Column]) -> list[int]:
    return [getattr(bucket, column.name) for column in columns]


def _purposes(answer: CodeGrowth) -> Table:
    labels = _labels()
    return Table(
        "codes-purposes",
        _("Codes by purpose"),
        [
            Column("purpose", _("Purpose"), "text"),
            *(Column(name, label) for name, label in labels.items()),
        ],
        [
            [words.purpose(entry.purpose), *(getattr(entry, name) for name in labels)]
            for entry in answer.by_purpose
        ],
    )


def _labels() -> dict[str, str]:
    return {
        "issued": _("Issued"),
        "resent": _("Resent"),
        "verified": _("Verified"),
        "failed": _("Wrong guesses"),
        "locked": _("Locked"),
        "expired": _("Expired"),
    }
