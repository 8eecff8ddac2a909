"""Its database comes from the environment: PostgreSQL without Sespan's schema, or SQLite."""

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

import django

from shop.no_network import block

block()

SECRET_KEY = "tests only"
USE_TZ = True
ROOT_URLCONF = "shop.urls"
LOGIN_REDIRECT_URL = "/home/"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STATIC_URL = "/static/"

_url = urlsplit(os.environ["SHOP_DATABASE"])
if _url.scheme == "sqlite":
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
    SILENCED_SYSTEM_CHECKS = ["sespan.E005"]  # the site itself runs on PostgreSQL
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": _url.path.lstrip("/"),
            "HOST": _url.hostname or "",
            "PORT": str(_url.port or ""),
            "USER": unquote(_url.username or ""),
            "PASSWORD": unquote(_url.password or ""),
            "ATOMIC_REQUESTS": True,
            "TEST": {
                "NAME": f"test_kit_{os.environ['SHOP_RUN']}",
                "TEMPLATE": os.environ.get("SHOP_TEMPLATE"),
            },
        }
    }

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_sespan",
    "shop",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
if django.VERSION >= (6, 1):
    MAILERS = {"default": {"BACKEND": "django_sespan.mail.EmailBackend"}}
else:
    EMAIL_BACKEND = "django_sespan.mail.EmailBackend"
key = Path(__file__).with_name("sespan.key")  # nobody has it who runs the tests
SESPAN = {
    "URL": "http://sespan.invalid:8080",
    "KEY": key.read_text().strip() if key.exists() else "",
}
LOGIN_URL, LOGIN_REDIRECT_URL = "/login/", "/home/"
