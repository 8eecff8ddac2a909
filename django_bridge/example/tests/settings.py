"""Settings of the tests: development values, and a database that conftest.py names."""

import os

os.environ.update(
    DEBUG="1",
    SESPAN_ENABLED="1",
    SESPAN_URL="http://sespan.test:8080",
    SESPAN_PUBLIC_URL="https://sespan.test",
    SESPAN_KEY="sk_testtesttest_" + "k" * 43,
)

from shop.settings import *

DEBUG = False
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
WHITENOISE_AUTOREFRESH = WHITENOISE_USE_FINDERS = True  # no collectstatic before tests
