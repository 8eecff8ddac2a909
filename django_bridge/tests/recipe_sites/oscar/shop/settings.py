# ruff: noqa: F403, F405
"""A shop of django-oscar as its documentation sets it up, with two apps forked."""

from pathlib import Path

from common_settings import *
from oscar.defaults import *

DATABASES["default"]["ATOMIC_REQUESTS"] = True  # as in Oscar's sandbox
OSCAR_APPS = [
    "analytics",
    "catalogue",
    "catalogue.reviews",
    "address",
    "basket",
    "communication",
    "offer",
    "order",
    "partner",
    "payment",
    "search",
    "shipping",
    "voucher",
    "wishlists",
    "dashboard",
    "dashboard.catalogue",
    "dashboard.communications",
    "dashboard.offers",
    "dashboard.orders",
    "dashboard.pages",
    "dashboard.partners",
    "dashboard.ranges",
    "dashboard.reports",
    "dashboard.reviews",
    "dashboard.shipping",
    "dashboard.users",
    "dashboard.vouchers",
]


def _config(app):
    folder, _, part = app.rpartition(".")
    kind = {"dashboard": f"{part.title()}Dashboard", "catalogue": "CatalogueReviews"}
    return f"oscar.apps.{app}.apps.{kind.get(folder, part.title())}Config"


INSTALLED_APPS = [
    *DJANGO_APPS,
    "django.contrib.sites",
    "django.contrib.flatpages",
    "oscar.config.Shop",
    *map(_config, OSCAR_APPS),
    "shop.customer.apps.CustomerConfig",
    "shop.checkout.apps.CheckoutConfig",
    "widget_tweaks",
    "haystack",
    "treebeard",
    "django_tables2",
]
SITE_ID = 1
MIDDLEWARE += [
    "django.contrib.flatpages.middleware.FlatpageFallbackMiddleware",
    "oscar.apps.basket.middleware.BasketMiddleware",
]
AUTHENTICATION_BACKENDS = [
    "oscar.apps.customer.auth_backends.EmailBackend",
    "django.contrib.auth.backends.ModelBackend",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [Path(__file__).parent / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                *CONTEXT_PROCESSORS,
                "oscar.apps.search.context_processors.search_form",
                "oscar.apps.checkout.context_processors.checkout",
                "oscar.core.context_processors.metadata",
            ]
        },
    }
]
HAYSTACK_CONNECTIONS = {"default": {"ENGINE": "haystack.backends.simple_backend.SimpleEngine"}}
OSCAR_ALLOW_ANON_CHECKOUT = True
OSCAR_DEFAULT_CURRENCY = "EUR"
OSCAR_THUMBNAILER = "shop.thumbnails.Unchanged"
SESPAN |= {
    "LOGIN_BACKEND": AUTHENTICATION_BACKENDS[0],
    "ORDER": "shop.checkout.views.basket_order",
    "SIGNING_KEY_FILE": Path(os.environ["SHOP_SIGNING_KEY"]),
}
