from __future__ import annotations

import os
from decimal import Decimal

import database
import pytest
from django.core.management import call_command
from fake import FakeSespan

_ENDINGS = pytest.StashKey[list]()


def pytest_configure(config):
    """Give the settings a server, before anything connects."""
    from django.conf import settings

    config.stash[_ENDINGS] = []
    url = os.environ.get("SESPAN_TEST_DATABASE_URL")
    if url is None:
        server = database.private_server()
        url = server.__enter__()
        config.stash[_ENDINGS].append(lambda: server.__exit__(None, None, None))
    settings.DATABASES["default"].update(database.django_settings(url))


def pytest_unconfigure(config):
    for end in config.stash.get(_ENDINGS, []):
        end()


class ShopSespan(FakeSespan):
    """The bridge's fake, with a discount that a test may set: the share that is left to pay."""

    share = Decimal("0.8")

    def draw(self, body):
        answer = super().draw(body)
        found = self.draws[(body["customer_id"], body["order_ref"])]
        if answer.status_code == 201:
            amount = Decimal(body["transaction_amount"])
            found.update(
                discounted=self.share < 1,
                discounted_amount=f"{amount * self.share:.2f}",
                transaction_id=len(self.draws) + 1000,
            )
            return super().draw(body)
        return answer


@pytest.fixture(autouse=True)
def sespan():
    """The service of this test; nothing ever reaches a network."""
    from django_sespan.client import Client
    from django_sespan.testing import override

    fake = ShopSespan()
    with override(client=Client.from_settings(transport=fake.transport())):
        yield fake


@pytest.fixture
def signing_key(settings, tmp_path, db):
    path = tmp_path / "checkout.pem"
    call_command("sespan_init", key=path)
    settings.SESPAN = {**settings.SESPAN, "SIGNING_KEY_FILE": str(path)}


@pytest.fixture
def make_product(db):
    from catalogue.models import Product

    def make(slug="gayo", price=100_000, stock=10, **values):
        values = {"name": slug.title(), "category": "coffee", "picture": "gayo.svg", **values}
        return Product.objects.create(slug=slug, price=price, stock=stock, **values)

    return make


@pytest.fixture
def product(make_product):
    return make_product()


@pytest.fixture
def customer(db):
    from accounts.models import Customer

    return Customer.objects.create_user(
        "budi@example.com", "budi", "kopi-tubruk-88", phone_number="0812 3456 7890"
    )


@pytest.fixture
def shopper(client, customer):
    """A browser in which the customer is logged in."""
    client.force_login(customer)
    return client


@pytest.fixture
def check_out(shopper):
    """Put a product into the cart and go to the checkout; gives the open order."""
    from orders.models import Order

    def go(product, quantity=1):
        shopper.post(f"/cart/add/{product.pk}/", {"quantity": quantity})
        response = shopper.post("/checkout/")
        assert response.url.startswith("/checkout/TKS-")
        return Order.objects.get(order_ref=response.url.split("/")[2])

    return go


@pytest.fixture
def address():
    """What a customer types at the checkout."""
    return {
        "recipient": "Budi Santoso",
        "phone_number": "0812 3456 7890",
        "street": "Jl. Kenanga 5",
        "city": "Bandung",
        "postal_code": "40115",
        "payment": "transfer",
    }
