"""System checks `sespan.E0xx` and `sespan.W0xx`, each with a hint that says what to do.

Of the settings and the site, whenever Django checks:

E001 SESPAN is no dict             E006 a dotted path does not import
E002 unknown key                   E007 SIGNING_KEY_FILE unusable
E003 URL or PUBLIC_URL             E010 the value of another key
E004 KEY
E005 DATABASE
W001 key file readable by others   W005 sessions that visitors can read
W002 PUBLIC_URL without TLS        W006 users live in another database
W003 behind a proxy, no CLIENT_IP  W007 the pages without URL and KEY
W004 several login backends        W008 key file not made or not readable
W009 user model: key or columns    W022 sessions or users not set
W023 a password reset without a limit   W025 LOGIN_REDIRECT_URL or LOGIN_URL is no page
W026 beside allauth, not code first      I001 no admin, so no staff pages in it

Of the database, by `manage.py migrate` and `manage.py check --database default`:

W010 Sespan's schema is missing    W016 mail trigger missing or disabled
W011 the schema is older           W017 the site's login may not queue or register
W012 the schema is newer           W018 the site's login may not read for the admin
W013 no customer table is bound    W019 prepared transactions and the doorbell
W014 the binding is stale          W020 the database gave no answer
E015 another table is bound        W021 a group of the roles is missing
W024 a checkout, and no active tier

All but E015 are warnings because an error would stop `migrate`, and on a site's first day its
tables come before Sespan's. `check --database default --fail-level WARNING` makes them
stop a deployment. In a test run with Sespan in memory they are silent.

An error is what cannot work whatever the site does. What a site may have in a way of its own is
a warning, and what is needed is then looked at when it is used. SILENCED_SYSTEM_CHECKS counts in
`sespan_verify`, too.

A site without URL and KEY only queues mail; what the pages need is not asked of it.
"""

from __future__ import annotations

from django.core.checks import Tags, register

from django_sespan.checks.database import check_database
from django_sespan.checks.deployment import check_deployment
from django_sespan.checks.password_reset import check_password_reset
from django_sespan.checks.settings import check_settings
from django_sespan.checks.site import check_site
from django_sespan.checks.surroundings import check_surroundings

__all__ = [
    "check_database",
    "check_deployment",
    "check_password_reset",
    "check_settings",
    "check_site",
    "check_surroundings",
    "register_all",
]


def register_all() -> None:
    """Register them all; the app does it once."""
    register(check_settings, "sespan")
    register(check_site, "sespan")
    register(check_surroundings, "sespan")
    register(check_password_reset, "sespan")
    register(check_deployment, Tags.security, deploy=True)
    register(check_database, Tags.database)
