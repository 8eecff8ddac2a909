"""As `manage.py oscar_fork_app checkout shop` writes it."""

from oscar.apps.checkout import apps


class CheckoutConfig(apps.CheckoutConfig):
    """The fork; its `views.py` is the recipe."""

    name = "shop.checkout"
