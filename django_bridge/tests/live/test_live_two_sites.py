"""Two sites on one server, whose database roles are told apart by their prefix alone."""

from __future__ import annotations

from io import StringIO

from django.core.management import call_command, get_commands

from live.stack import Stack

COMMANDS = (
    ("migrate",),
    ("check", "--database=default"),
    ("sespan_compare_people",),
    ("sespan_mail_signals", "--once"),
    ("sespan_prune_unverified",),
    ("sespan_verify", "--to=somebody@example.com"),
)

RIGHTS = """
SELECT format('%%s of %%s', c.relname, l.login)
FROM unnest(%(logins)s::text[]) AS l (login), pg_class c
WHERE (c.relnamespace = 'sespan'::regnamespace OR c.oid = 'public.auth_user'::regclass)
  AND CASE WHEN c.relkind IN ('r', 'p', 'v') THEN
          has_table_privilege(l.login, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, TRIGGER')
          OR has_any_column_privilege(l.login, c.oid, 'SELECT, INSERT, UPDATE, REFERENCES')
      WHEN c.relkind = 'S' THEN has_sequence_privilege(l.login, c.oid, 'USAGE, SELECT, UPDATE') END
UNION ALL
SELECT format('%%s of %%s', p.proname, l.login)
FROM unnest(%(logins)s::text[]) AS l (login), pg_proc p
WHERE p.pronamespace = 'sespan'::regnamespace AND has_function_privilege(l.login, p.oid, 'EXECUTE')
UNION ALL
SELECT format('the schema of %%s', l.login) FROM unnest(%(logins)s::text[]) AS l (login)
WHERE has_schema_privilege(l.login, 'sespan', 'USAGE, CREATE')
"""


def logins(site):
    return {"logins": [site.name, f"{site.name}_serve"]}


def test_every_command_has_its_line():
    """A new one shows that it leaves other sites alone."""
    ours = {name for name, app in get_commands().items() if app == "django_sespan"}
    assert ours
    assert ours <= {"sespan_init", *(command[0] for command in COMMANDS)}


def test_no_command_gives_a_right_on_the_other_site(stack, tmp_path, settings, runtime):
    with Stack(stack.binary, stack.superuser_url, tmp_path) as other:
        for site in (other, stack):
            runtime.close()
            settings.SESPAN = site.settings()
            site.point_django_here()
            keys = (f"--key={site.signing_key}", f"--jwks={site.jwks}")
            for command in (("sespan_init", *keys), *COMMANDS):
                call_command(*command, stdout=StringIO())
        for here, there in ((stack, other), (other, stack)):
            assert here.rows(RIGHTS, logins(there)) == []
            assert here.rows(RIGHTS, logins(here)), "the query finds what is there"
            strangers = """SELECT DISTINCT owner, grantee FROM sespan.schema_right
                WHERE NOT starts_with(owner, %s) OR NOT starts_with(grantee, %s)"""
            assert here.rows(strangers, [here.name, here.name]) == []
        runtime.close()
        stack.point_django_here()
