"""What a panel of the dashboard is made of: charts and tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django_sespan._internal.dashboard import numbers
from django_sespan._internal.dashboard.steps import Steps

Cell = str | int | float | Decimal | None
Writer = Callable[[Any], str]

SPREADSHEET_FORMULA = re.compile(r"^[=+\-@\t\r\n]")
MOST_ROWS = 200
"""Rows that a page shows; the CSV has all."""

WRITERS: Mapping[str, Writer] = {
    "text": str,
    "count": numbers.count,
    "money": numbers.money,
    "rate": numbers.percent,
    "latency": numbers.milliseconds,
}


@dataclass(frozen=True)
class Column:
    """A column: its name in a CSV, its label, and what its cells are (a key of WRITERS)."""

    name: str
    label: str
    kind: str = "count"


@dataclass(frozen=True)
class Table:
    """Rows of plain values, written for people or for a spreadsheet."""

    slug: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    bars: str = ""
    """What the script draws at the end of each row of `bar_values`: `share` or `interval`."""
    bar_values: Sequence[Sequence[float | None]] = ()

    @property
    def written(self) -> list[list[str]]:
        """Return the rows as texts."""
        return [self._texts(row) for row in self.rows]

    @property
    def cells(self) -> list[list[tuple[str, bool]]]:
        """Return the written rows, each cell with whether it is text."""
        kinds = [column.kind == "text" for column in self.columns]
        return [list(zip(row, kinds, strict=True)) for row in self.written]

    def _texts(self, row: Sequence[Cell]) -> list[str]:
        return [
            numbers.NOTHING if value is None else WRITERS[column.kind](value)
            for column, value in zip(self.columns, row, strict=True)
        ]

    def spreadsheet(self) -> Iterator[list[str]]:
        """Give header and rows of a CSV: plain numbers, and no text that would be executed."""
        yield [column.name for column in self.columns]
        for row in self.rows:
            yield ["" if value is None else _spreadsheet_cell(value) for value in row]


@dataclass(frozen=True)
class StepTable(Table):
    """A table with one row for each step, newest first on the page."""

    steps: Steps = field(default_factory=lambda: Steps([], "day"))

    @property
    def written(self) -> list[list[str]]:
        """Return the newest rows as texts."""
        return [self._texts(row) for row in self.rows[: -MOST_ROWS - 1 : -1]]

    @property
    def left_out(self) -> int:
        """Return how many rows only the CSV has."""
        return max(len(self.rows) - MOST_ROWS, 0)

    def spreadsheet(self) -> Iterator[list[str]]:
        """Give the times as a spreadsheet reads them, oldest first."""
        header, *rows = super().spreadsheet()
        yield [self.steps.step, "utc_offset", *header[1:]]
        for (at, offset), row in zip(self.steps.stamps, rows, strict=True):
            yield [at, offset, *row[1:]]


@dataclass(frozen=True)
class Series:
    """One line, or one layer of the bars. `tone` is a colour of staff.css."""

    label: str
    tone: str
    values: Sequence[int | Decimal]
    sum: str = ""

    def plain(self) -> dict[str, Any]:
        """Return what the script draws."""
        values = [v if isinstance(v, int) else float(v) for v in self.values]
        return {"label": self.label, "tone": self.tone, "values": values}


@dataclass(frozen=True)
class Chart:
    """`bars` on each other, `lines`, or lines of a `growth`; `sentence` says it in words."""

    slug: str
    title: str
    kind: str
    sentence: str
    series: Sequence[Series]
    unit: str = "count"

    def plain(self) -> dict[str, Any]:
        """Return what the script draws."""
        series = [one.plain() for one in self.series]
        return {"kind": self.kind, "unit": self.unit, "series": series, "sentence": self.sentence}


@dataclass(frozen=True)
class Panel:
    """One part of the page: charts, the table of their steps, and sums that are always shown."""

    slug: str
    title: str
    charts: Sequence[Chart] = ()
    steps: StepTable | None = None
    sums: Sequence[Table] = ()
    error: str = ""

    @property
    def tables(self) -> list[Table]:
        """Return all tables."""
        return [*self.sums, *([self.steps] if self.steps else [])]


def _spreadsheet_cell(value: Cell) -> str:
    if isinstance(value, str):
        return f"'{value}" if SPREADSHEET_FORMULA.match(value) else value
    return format(value, "f") if isinstance(value, Decimal) else str(value)
