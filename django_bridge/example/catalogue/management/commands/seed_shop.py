"""`manage.py seed_shop`: products and demonstration accounts. Run it as often as you like."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts.models import Customer
from catalogue.models import Product
from catalogue.stock_list import ITEMS
from shop import environment

ROLES = {
    "manager": ("Sespan admin", True),
    "viewer": ("Sespan dashboard", False),
    "bookkeeper": ("Sespan report", False),
}
"""Username → group of `sespan_init`, and whether the person may open the administration."""


class Command(BaseCommand):
    """Creates what is missing and changes nothing that is there.

    SHOP_ADMIN_PASSWORD (with SHOP_ADMIN_EMAIL, default admin@example.com) makes a member of staff,
    SHOP_DEMO_PASSWORD (with SHOP_DEMO_EMAIL, default demo@example.com) a verified customer,
    SHOP_ROLES_PASSWORD one person for each role of Sespan: manager@, viewer@ and
    bookkeeper@example.com.
    """

    help = "Create the demonstration's products, its staff and a customer."

    def handle(self, *args: Any, **options: Any) -> None:
        """Seed, in one transaction, and say what can be used to log in."""
        with transaction.atomic():
            made = sum(
                Product.objects.get_or_create(
                    slug=item.slug, defaults={**item._asdict(), "position": (number + 1) * 10}
                )[1]
                for number, item in enumerate(ITEMS)
            )
            self.stdout.write(f"products: {made} new, {len(ITEMS) - made} there already")
            self._account("ADMIN", "admin", is_staff=True, is_superuser=True)
            self._account("DEMO", "demo")
            for username, (group, is_staff) in ROLES.items():
                person = self._account("ROLES", username, is_staff=is_staff)
                if person is not None:
                    person.groups.add(Group.objects.get_or_create(name=group)[0])

    def _account(self, prefix: str, username: str, **flags: bool) -> Customer | None:
        """Return the account if it is new."""
        password = environment.text(f"SHOP_{prefix}_PASSWORD")
        named = environment.text(f"SHOP_{prefix}_EMAIL") if prefix != "ROLES" else ""
        email = (named or f"{username}@example.com").lower()
        if not password:
            self.stdout.write(f"{username}: no account, SHOP_{prefix}_PASSWORD is not set")
            return None
        customer = Customer.objects.filter(email=email).first()
        if customer is None and Customer.objects.filter(username=username).exists():
            raise CommandError(f"the username {username} belongs to another address than {email}")
        if customer is None:
            self.stdout.write(f"{username}: log in with {email} and password {password}")
            return Customer.objects.create_user(email, username, password, **flags)
        if customer.check_password(password):
            self.stdout.write(f"{username}: log in with {email} and password {password}")
        else:
            self.stdout.write(
                f"{username}: {email} is there, with another password than SHOP_{prefix}_PASSWORD"
            )
        return None
