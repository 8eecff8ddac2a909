"""Sites before Sespan comes: a fresh one, one with its own user model, one with allauth."""

from __future__ import annotations

from textwrap import dedent

from ten_minutes.site import Site

USER_MODEL = """
from django.contrib.auth.models import AbstractUser
from django.db import models


class Customer(AbstractUser):
    email = models.EmailField(unique=True)


class Profile(models.Model):
    user = models.OneToOneField(Customer, on_delete=models.CASCADE)
    phone = models.CharField(max_length=20)

    class Meta:
        db_table = "profile"
"""

ALLAUTH = """
INSTALLED_APPS += ["allauth", "allauth.account"]
MIDDLEWARE += ["allauth.account.middleware.AccountMiddleware"]
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
ACCOUNT_SIGNUP_FIELDS = ["email*", "username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
TEMPLATES[0]["APP_DIRS"] = True
"""


LOGIN = 'LOGIN_URL = "/admin/login/"\n'
HOME = 'LOGIN_REDIRECT_URL = "/admin/"\n'


def fresh(site: Site) -> None:
    """`django-admin startproject`, with its database and its tables, and no page but the admin."""
    _start(site)
    site.run("python manage.py migrate -v 0")


def own_user_model(site: Site) -> None:
    """A user model of the site's, its phone number in a profile table."""
    _start(site)
    site.run("python manage.py startapp accounts")
    (site.folder / "accounts" / "models.py").write_text(USER_MODEL)
    site.append(
        "shop/settings.py",
        'INSTALLED_APPS += ["accounts"]\nAUTH_USER_MODEL = "accounts.Customer"\n' + LOGIN + HOME,
    )
    site.run("python manage.py makemigrations -v 0 accounts && python manage.py migrate -v 0")


def allauth(site: Site) -> None:
    """A site that registers and logs in through django-allauth."""
    _start(site)
    site.append("shop/settings.py", ALLAUTH + HOME)
    site.append(
        "shop/urls.py",
        dedent("""
        from django.urls import include
        urlpatterns += [path("accounts/", include("allauth.urls"))]
        """),
    )
    site.run("python manage.py migrate -v 0")


def _start(site: Site) -> None:
    site.run("django-admin startproject shop .")
    site.append("shop/settings.py", site.databases())
