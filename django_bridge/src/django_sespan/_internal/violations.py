"""What a rule of the site's database said to a save: a value is taken, or the site is at fault.

PostgreSQL's answer may hold the whole row (`Failing row contains …`), the hash of the password in
it. So nobody logs the answer: only which rule it was.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from django.db import DatabaseError, Error, connections, transaction

VALUES = re.compile(r"\)=\((.*?)\)")
"""In `Key (email)=(budi@example.com) already exists.`, in any language of the server."""
FUNCTION = re.compile(
    r"""^(?=.*PL/pgSQL).*?((?:"[^"\n]+"|[\w.])+)\([^)\n]*\)""", re.ASCII | re.MULTILINE
)
"""In `PL/pgSQL function shop.check_it() line 3 at RAISE`, in any language of the server."""
UNIQUE, EXCLUSION = "23505", "23P01"
REFUSED = re.compile("23|44|P0|42501")
"""Constraints, views with a check option, what a trigger raises, policies and missing rights."""

COLUMNS = """
SELECT a.attname FROM pg_catalog.pg_class AS i
JOIN pg_catalog.pg_namespace AS n ON n.oid = i.relnamespace
JOIN pg_catalog.pg_index AS x ON x.indexrelid = i.oid
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = x.indrelid AND a.attnum > 0
WHERE n.nspname = %s AND i.relname = %s AND (a.attnum = ANY (x.indkey) OR EXISTS (
    SELECT FROM pg_catalog.pg_depend AS d
    WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = i.oid
    AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = x.indrelid
    AND d.refobjsubid = a.attnum))
"""
"""Of a unique or exclusion constraint, or a unique index; expressions and predicates count."""


@dataclass(frozen=True)
class Violation:
    """Which rule of which table; as text without any value."""

    state: str
    rule: str
    schema: str
    table: str
    values: str = field(default="", repr=False)
    """What PostgreSQL says of the values in the way; never logged."""

    @property
    def is_taken(self) -> bool:
        """Whether another row has the value; else the site's own code or rule is at fault."""
        return self.state in {UNIQUE, EXCLUSION}

    def names(self, value: object) -> bool:
        """Whether exactly this value is in the way, alone or with others."""
        found = VALUES.search(self.values)
        return found is not None and str(value) in found[1].split(", ")

    def columns(self, using: str) -> set[str]:
        """Return the columns of the rule's table that it is about; none where that is unknown."""
        try:
            with transaction.atomic(using=using), connections[using].cursor() as cursor:
                cursor.execute(COLUMNS, [self.schema, self.rule])
                return {row[0] for row in cursor.fetchall()}
        except Error:
            return set()

    def __str__(self) -> str:
        where = f" of the table {self.table}" if self.table else ""
        rule = self.rule or "a rule without a name"
        return f"SQLSTATE {self.state or 'unknown'} by {rule}{where}"


def refusal(error: DatabaseError) -> Violation | None:
    """Return what of the site's database refused a row; None for another trouble."""
    found = violation(error)
    return found if REFUSED.match(found.state) else None


def violation(error: DatabaseError) -> Violation:
    """Read PostgreSQL's answer, of either driver."""
    diag: Any = getattr(error.__cause__, "diag", None)
    return Violation(
        state=getattr(diag, "sqlstate", None) or "",
        rule=getattr(diag, "constraint_name", None) or _nameless(diag),
        schema=getattr(diag, "schema_name", None) or "",
        table=getattr(diag, "table_name", None) or "",
        values=getattr(diag, "message_detail", None) or "",
    )


def _nameless(diag: Any) -> str:
    if column := getattr(diag, "column_name", None):
        return f"NOT NULL of {column}"
    function = FUNCTION.search(getattr(diag, "context", None) or "")
    return f"the function {function[1]}" if function else ""


def without_rows(error: BaseException) -> None:
    """Leave of each answer of PostgreSQL that led to an error its first line.

    For what is about to be logged or mailed whole: the further lines may be the row.
    """
    step: BaseException | None = error
    while step is not None:
        if isinstance(step, Error) or hasattr(step, "diag"):
            step.args = (str(step).partition("\n")[0],)
        step = step.__cause__ or (None if step.__suppress_context__ else step.__context__)
