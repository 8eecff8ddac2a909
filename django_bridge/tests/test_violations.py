"""What PostgreSQL says of a refusal, in the languages of its servers."""

from __future__ import annotations

import pytest
from django.db import DatabaseError

from django_sespan._internal.violations import refusal

CONTEXTS = {
    "English": "PL/pgSQL function site_rule() line 3 at RAISE",
    "of a schema": "PL/pgSQL function shop.site_rule(integer,text) line 3 at RAISE",
    "quoted": 'PL/pgSQL function shop."Site rule"() line 3 at RAISE',
    "German": "PL/pgSQL-Funktion site_rule() Zeile 3 bei RAISE",
    "French": "fonction PL/pgSQL site_rule(), ligne 3, à RAISE",
    "Korean": "site_rule() PL/pgSQL 함수의 3번째 RAISE",
    "Japanese": "PL/pgSQL関数site_rule()の3行目 - RAISE",
    "within a statement": 'SQL statement "SELECT md5(NEW.email)"\n'
    "PL/pgSQL function site_rule() line 3 at PERFORM",
    "of another": "PL/pgSQL function site_rule() line 3 at RAISE\n"
    "PL/pgSQL function outer_rule() line 5 at PERFORM",
}
NAMES = {"of a schema": "shop.site_rule", "quoted": 'shop."Site rule"'}


class Answer(Exception):
    """An answer of PostgreSQL."""

    def __init__(self, context):
        self.diag = type("Diag", (), {"sqlstate": "P0001", "context": context})


@pytest.mark.parametrize("language", CONTEXTS)
def test_the_function_that_refused_is_named(language):
    error = DatabaseError("no")
    error.__cause__ = Answer(CONTEXTS[language])
    name = NAMES.get(language, "site_rule")
    assert str(refusal(error)) == f"SQLSTATE P0001 by the function {name}"


@pytest.mark.parametrize("context", [None, "PL/pgSQL function inline_code_block line 1 at RAISE"])
def test_without_a_function_no_name_is_made_up(context):
    error = DatabaseError("no")
    error.__cause__ = Answer(context)
    assert str(refusal(error)) == "SQLSTATE P0001 by a rule without a name"
