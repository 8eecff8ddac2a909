"""Installed, used and uninstalled: the site is as it was before."""

from __future__ import annotations

from ten_minutes import projects
from ten_minutes.steps import do, follow, registers

CATALOG = {
    "tables": """
        SELECT c.relname, c.relkind, c.relowner::regrole::text, coalesce(c.relacl,
            acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))::text
        FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace ORDER BY 1""",
    "columns": """
        SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
            a.attidentity, pg_get_expr(d.adbin, d.adrelid), coalesce(a.attacl::text, '{}')
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 ORDER BY 1, a.attnum""",
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2""",
    "indexes": """
        SELECT tablename, indexname, indexdef FROM pg_indexes
        WHERE schemaname = 'public' ORDER BY 1, 2""",
    "triggers": """
        SELECT tgrelid::regclass::text, tgfoid::regproc::text, count(*) FROM pg_trigger t
        JOIN pg_class c ON c.oid = t.tgrelid
        WHERE c.relnamespace = 'public'::regnamespace GROUP BY 1, 2 ORDER BY 1, 2""",
    "functions": """
        SELECT oid::regprocedure::text FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace ORDER BY 1""",
    "schemas": "SELECT nspname, nspacl::text FROM pg_namespace WHERE nspname !~ '^pg_' ORDER BY 1",
    "default rights": "SELECT defaclrole::regrole::text, defaclacl::text FROM pg_default_acl",
    "migrations": "SELECT app, name FROM django_migrations ORDER BY 1, 2",
    "permissions": """
        SELECT c.app_label, c.model, p.codename FROM django_content_type c
        LEFT JOIN auth_permission p ON p.content_type_id = c.id ORDER BY 1, 2, 3""",
}
ROLES = "SELECT rolname FROM pg_roles WHERE starts_with(rolname, %s) ORDER BY 1"


def look(site):
    found = {name: site.rows(query) for name, query in CATALOG.items()}
    return found | {"roles": site.rows(ROLES, site.name)}


def test_uninstalled(make_site, blocks):
    site = make_site(projects.fresh)
    before = look(site)
    files = [site.folder / "shop" / name for name in ("settings.py", "urls.py")]
    sources = [file.read_text() for file in files]
    follow(site, blocks, has_pages=False)
    registers(site, "rina", "auth_user")
    assert look(site) != before

    site.stop_all()
    do(site, blocks["uninstall-app"].commands())
    for file, source in zip(files, sources, strict=True):
        file.write_text(source)
    do(site, blocks["uninstall"].commands())
    for statement in blocks["uninstall-roles"].text.split(";"):
        if statement.strip():
            site.rows(statement.replace("sespan_", f"{site.name}_"))
    after = look(site)
    for what, was in before.items():
        assert after[what] == was, what
    assert site.rows("SELECT username, is_active FROM auth_user") == [("rina", True)]
    site.run("python manage.py check")
