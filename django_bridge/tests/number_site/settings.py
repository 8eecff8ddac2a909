from site_project.settings import *  # noqa: F403
from site_project.settings import DATABASES, INSTALLED_APPS

DATABASES["default"]["TEST"]["NAME"] += "_number"
INSTALLED_APPS += ["number_site"]
AUTH_USER_MODEL = "number_site.Member"
USE_TZ = False
TIME_ZONE = "Asia/Jakarta"
USE_THOUSAND_SEPARATOR = True
LOGIN_REDIRECT_URL = "/home/"
