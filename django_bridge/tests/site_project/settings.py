"""A small site with everything that a site usually has."""

from __future__ import annotations

import os
from pathlib import Path

import django

SECRET_KEY = "tests only"
DEBUG = False
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
USE_TZ = True
LANGUAGE_CODE = "en"
ROOT_URLCONF = "site_project.urls"
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/home/"
STATIC_URL = "/static/"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# Host, port and names are filled in by conftest.py, once there is a server.
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "ATOMIC_REQUESTS": True,
        "TEST": {"NAME": f"test_bridge_{os.getpid()}"},
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
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [Path(__file__).parent / "templates"],
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

SESPAN = {
    "URL": "http://sespan.test:8080",
    "PUBLIC_URL": "https://api.shop.test",
    "KEY": "sk_" + "a" * 12 + "_" + "b" * 43,
    "ORDER": "site_project.orders.sespan_order",
    "TIMEOUT": 2.0,
    "FAKE": False,  # the tests of the bridge try the real client
}
