"""One registration of an address at a time: few user models have a unique address."""

from __future__ import annotations

from django.db import connections


def lock_address(email: str, using: str) -> None:
    """Wait for whoever registers this address now; held until the transaction ends."""
    connection = connections[using]
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        query = "SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended(%s, 0))"
        cursor.execute(query, [f"sespan.registration:{email.lower()}"])
