"""API hits, and how many of them went well, by request type."""

from __future__ import annotations

from collections.abc import Sequence

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
from django_sespan._internal.stats import ApiHits, OutcomesByType


def hits_panel(answer: ApiHits) -> Panel:
    """Show the hits: bars by type, and a table of the types with their latencies."""
    by = steps(answer, [bucket.at for bucket in answer.buckets])
    names = _types([entry.request_type for entry in answer.by_type])
    title = _("API hits %(per_step)s") % {"per_step": words.per_step(answer.step)}
    total = numbers.count(answer.total.calls)
    series = [
        Series(
            words.request_type(name),
            words.tone(name),
            [bucket.by_type.get(name, 0) for bucket in answer.buckets],
            numbers.count(sum(e.calls for e in answer.by_type if e.request_type == name)),
        )
        for name in names
    ]
    sentence = words.peak(_("API hits"), total, by, [b.calls for b in answer.buckets])
    return Panel(
        "api-hits",
        _("API hits"),
        [Chart("api-hits", title, "bars", sentence, series)],
        _hits_table(answer, by, names, title),
        [_latencies(answer)],
    )


def _hits_table(answer: ApiHits, by: Steps, names: Sequence[str], title: str) -> StepTable:
    return StepTable(
        "api-hits",
        words.table(title),
        [
            words.step_column(answer.step),
            Column("calls", _("Hits")),
            *(Column(name.lower(), words.request_type(name)) for name in names),
        ],
        [
            [name, bucket.calls, *(bucket.by_type.get(kind, 0) for kind in names)]
            for name, bucket in zip(by.names, answer.buckets, strict=True)
        ],
        steps=by,
    )


def _latencies(answer: ApiHits) -> Table:
    return Table(
        "api-hits-types",
        _("API hits by type, and how long they took"),
        [
            Column("request_type", _("Type"), "text"),
            Column("calls", _("Hits")),
            Column("p50_ms", _("Half within"), "latency"),
            Column("p95_ms", _("95 % within"), "latency"),
            Column("p99_ms", _("99 % within"), "latency"),
        ],
        [
            [
                words.request_type(entry.request_type),
                entry.calls,
                *(getattr(entry.latency_ms, p, None) for p in ("p50", "p95", "p99")),
            ]
            for entry in answer.by_type
        ],
    )


def outcomes_panel(answer: OutcomesByType) -> Panel:
    """Show successes and failures: bars, and the share of each type."""
    by = steps(answer, [bucket.at for bucket in answer.buckets])
    successes = [sum(o.success for o in b.by_type.values()) for b in answer.buckets]
    failures = [sum(o.failure for o in b.by_type.values()) for b in answer.buckets]
    failed = numbers.count(answer.total.failure)
    series = [
        Series(_("Succeeded"), "teal", successes, numbers.count(answer.total.success)),
        Series(_("Failed"), "rose", failures, failed),
    ]
    title = _("Successes and failures %(per_step)s") % {"per_step": words.per_step(answer.step)}
    return Panel(
        "outcomes",
        _("Successes and failures"),
        [Chart("outcomes", title, "bars", words.peak(_("Failures"), failed, by, failures), series)],
        _outcomes_table(answer, by, title),
        [_shares(answer)],
    )


def _outcomes_table(answer: OutcomesByType, by: Steps, title: str) -> StepTable:
    names = _types([entry.request_type for entry in answer.by_type])
    columns = [words.step_column(answer.step)]
    rows: list[list[Cell]] = []
    for name in names:
        label = words.request_type(name)
        columns += [
            Column(f"{name.lower()}_success", _("%(type)s, succeeded") % {"type": label}),
            Column(f"{name.lower()}_failure", _("%(type)s, failed") % {"type": label}),
        ]
    for step, bucket in zip(by.names, answer.buckets, strict=True):
        found = [bucket.by_type.get(name) for name in names]
        cells = [n for o in found for n in ((o.success, o.failure) if o else (0, 0))]
        rows.append([step, *cells])
    return StepTable("outcomes", words.table(title), columns, rows, steps=by)


def _shares(answer: OutcomesByType) -> Table:
    return Table(
        "outcomes-types",
        _("Successes and failures by type"),
        [
            Column("request_type", _("Type"), "text"),
            Column("success", _("Succeeded")),
            Column("failure", _("Failed")),
            Column("failure_rate", _("Failed, share"), "rate"),
        ],
        [
            [
                words.request_type(entry.request_type),
                entry.success,
                entry.failure,
                numbers.share(entry.failure, entry.success + entry.failure),
            ]
            for entry in answer.by_type
        ],
        bars="share",
        bar_values=[[entry.success, entry.failure] for entry in answer.by_type],
    )


def _types(found: Sequence[str]) -> list[str]:
    """Put the types in the order of the legend; one that is new here stands at the end."""
    known = [name for name in words.TONES if name in found]
    return known + [name for name in found if name not in known]
