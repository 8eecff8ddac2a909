"""As `manage.py oscar_fork_app customer shop` writes it."""

from oscar.apps.customer import apps


class CustomerConfig(apps.CustomerConfig):
    """The fork; its `views.py` is the recipe."""

    name = "shop.customer"
