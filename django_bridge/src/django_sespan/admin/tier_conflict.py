"""Two people who save the same tier: the second is shown what the first saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import connections
from django.utils.formats import localize
from django.utils.translation import gettext as _

from django_sespan.admin.columns import tier_value
from django_sespan.conf import get_settings
from django_sespan.models import AuditEntry, TransactionTier

LOCK = "SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('sespan tier', %s))"


def locked(tier_id: int) -> TransactionTier | None:
    """Return the tier as it is stored now; until the transaction ends no page saves another.

    The site's login may not lock the row itself: it changes tiers by functions only.
    """
    using = get_settings().database
    with connections[using].cursor() as cursor:
        cursor.execute(LOCK, [tier_id])
    return TransactionTier.objects.using(using).filter(pk=tier_id).first()


def sentences(stored: TransactionTier, mine: Mapping[str, Any]) -> list[str]:
    """Say who saved when, what is stored where it differs from mine, and what to do."""
    said = _("%(who)s saved this tier while you had it open. Save again to put your values in the "
             "place of theirs, or open the page again to keep theirs.")  # fmt: skip
    differences = [
        _("%(field)s: %(theirs)s is stored, you have %(mine)s.")
        % {
            "field": field.verbose_name,
            "theirs": _text(field.name, getattr(stored, field.name)),
            "mine": _text(field.name, mine[field.name]),
        }
        for field in stored._meta.concrete_fields
        if field.name in mine and getattr(stored, field.name) != mine[field.name]
    ]
    return [said % {"who": _who(stored.pk)}, *differences]


def _who(tier_id: int) -> str:
    entries = AuditEntry._default_manager.using(get_settings().database)
    last = entries.filter(subject="tier", subject_id=str(tier_id)).order_by("-audit_id").first()
    return last.actor if last else _("Somebody else")


def _text(name: str, value: Any) -> str:
    if value in {None, ""}:
        return "–"
    return tier_value(name, value) or str(localize(value))
