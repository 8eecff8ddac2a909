"""Settings of the example shop; everything that differs between places is an environment variable.

`README.md` has the table of variables.
"""

from __future__ import annotations

from pathlib import Path

import django
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from shop import environment

BASE_DIR = Path(__file__).resolve().parent.parent

DEBUG = environment.boolean("DEBUG", default=False)
SECRET_KEY = environment.text("SECRET_KEY", "only-for-development" if DEBUG else "")
if not SECRET_KEY:
    raise ImproperlyConfigured("SECRET_KEY is not set: give 50 random characters, or DEBUG=1")
ALLOWED_HOSTS = environment.words("ALLOWED_HOSTS", "127.0.0.1,localhost")
CSRF_TRUSTED_ORIGINS = environment.words("CSRF_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "accounts",
    "catalogue",
    "orders",
    "django_sespan",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "shop.middleware.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "shop.context.cart",
            ],
            "builtins": ["catalogue.templatetags.rupiah"],
        },
    }
]

DATABASES = {
    "default": {
        **environment.database(environment.text("DATABASE_URL")),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }
}

# Customers

AUTH_USER_MODEL = "accounts.Customer"
LOGIN_URL = "accounts:login"
LOGIN_REDIRECT_URL = "catalogue:home"
LOGOUT_REDIRECT_URL = "catalogue:home"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# Sespan

SESPAN = {
    "ENABLED": environment.boolean("SESPAN_ENABLED", default=True),
    "URL": environment.text("SESPAN_URL", "http://127.0.0.1:8080"),
    "KEY": environment.text("SESPAN_KEY"),
    "SIGNING_KEY_FILE": environment.text("SESPAN_SIGNING_KEY_FILE"),
    "ORDER": "orders.sespan.open_order",
    "ADAPTER": "orders.sespan.ShopAdapter",
    "CURRENCY": "IDR",
    "BRAND": {"NAME": "Toko Kopi Sespan", "COLOR": "#2f6b54"},
}
SESPAN["PUBLIC_URL"] = environment.text("SESPAN_PUBLIC_URL", str(SESPAN["URL"]))

DEFAULT_FROM_EMAIL = environment.text("DEFAULT_FROM_EMAIL", "Toko Kopi Sespan <toko@example.com>")
if django.VERSION >= (6, 1):
    MAILERS = {"default": {"BACKEND": "django_sespan.mail.EmailBackend"}}
else:
    EMAIL_BACKEND = "django_sespan.mail.EmailBackend"

# Languages, time and files

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("id", _("Indonesian"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = environment.text("TIME_ZONE", "Asia/Jakarta")
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = environment.text("STATIC_ROOT", str(BASE_DIR / "staticfiles"))
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "shop.storage.HashedStaticFilesStorage"
    },
}

# Production: HTTPS is the default as soon as DEBUG is off; HTTPS=0 is for a shop on loopback.

HTTPS = environment.boolean("HTTPS", default=not DEBUG)
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 30 * 24 * 3600 if HTTPS else 0
# Whether all subdomains speak HTTPS is not for a shop to say.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
LANGUAGE_COOKIE_SECURE = HTTPS
SESSION_COOKIE_NAME = environment.text("SESSION_COOKIE_NAME", "toko_session")
CSRF_COOKIE_NAME = "toko_csrf"
CSRF_COOKIE_HTTPONLY = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if environment.boolean("BEHIND_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SESPAN["CLIENT_IP"] = "shop.proxy.client_ip"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "loggers": {"httpx": {"level": "WARNING"}},  # else a line for each call to Sespan
    "root": {"handlers": ["console"], "level": environment.text("LOG_LEVEL", "INFO").upper()},
}
