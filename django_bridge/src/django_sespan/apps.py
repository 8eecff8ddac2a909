"""The app: it registers the checks and the receivers."""

from __future__ import annotations

import os

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.core.signals import setting_changed
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class SespanConfig(AppConfig):
    """`INSTALLED_APPS = [..., "django_sespan"]`."""

    name = "django_sespan"
    label = "sespan"
    verbose_name = _("Sespan")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register everything; open nothing."""
        # Only now: these modules import models.
        from django_sespan import checks, conf  # noqa: PLC0415
        from django_sespan._internal import (  # noqa: PLC0415
            activation_signals,
            binding,
            login_reports,
            people_signals,
        )
        from django_sespan._internal.runtime import runtime  # noqa: PLC0415

        checks.register_all()
        setting_changed.connect(conf.reload_settings, dispatch_uid="sespan.settings")
        setting_changed.connect(runtime.on_setting_changed, dispatch_uid="sespan.client")
        user_logged_in.connect(login_reports.on_login, dispatch_uid="sespan.login")
        user_login_failed.connect(login_reports.on_login_failed, dispatch_uid="sespan.login_failed")
        post_migrate.connect(binding.after_migrate, sender=self, dispatch_uid="sespan.binding")
        people_signals.connect()
        activation_signals.connect()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=runtime.after_fork)
