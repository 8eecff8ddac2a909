"""The app: it owns what lives as long as the process, and in a test run what stands in for it."""

from __future__ import annotations

import atexit
import os
import threading
from typing import TYPE_CHECKING

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.core.signals import setting_changed
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _

from django_sespan.conf import get_settings

if TYPE_CHECKING:
    from django_sespan._internal.logins import LoginQueue
    from django_sespan._internal.registrations import Registrations
    from django_sespan.client import Client
    from django_sespan.testing import FakeRegistrations, SespanTesting


class SespanConfig(AppConfig):
    """`INSTALLED_APPS = [..., "django_sespan"]`."""

    name = "django_sespan"
    label = "sespan"
    verbose_name = _("Sespan")
    default_auto_field = "django.db.models.BigAutoField"

    _client: Client | None = None
    _given: Client | None = None  # by a test of its own
    _testing: SespanTesting | None = None
    _logins: LoginQueue | None = None
    _making = threading.Lock()  # requests and the login thread may ask first at once

    def ready(self) -> None:
        """Register checks and receivers; open nothing."""
        from django_sespan import checks, conf  # noqa: PLC0415  (apps first)
        from django_sespan._internal import binding, logins  # noqa: PLC0415  (apps first)

        checks.register_all()
        setting_changed.connect(conf.reload_settings, dispatch_uid="sespan.settings")
        setting_changed.connect(self._settings_changed, dispatch_uid="sespan.client")
        user_logged_in.connect(logins.on_login, dispatch_uid="sespan.login")
        user_login_failed.connect(logins.on_login_failed, dispatch_uid="sespan.login_failed")
        post_migrate.connect(binding.after_migrate, sender=self, dispatch_uid="sespan.binding")
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    @property
    def client(self) -> Client:
        """The pooled client of this process; in a test run the one that ends in memory."""
        from django_sespan.client import Client  # noqa: PLC0415

        if self._given is not None:
            return self._given
        if get_settings().in_memory:
            return self.testing.client
        with self._making:
            if self._client is None:
                self._client = Client.from_settings()
            return self._client

    @client.setter
    def client(self, client: Client | None) -> None:
        self._given = client

    @property
    def logins(self) -> LoginQueue:
        """The background queue of login reports of this process; none in a test run."""
        from django_sespan._internal.logins import LoginQueue  # noqa: PLC0415

        if self._logins is None and get_settings().in_memory:
            return self.testing.login_queue
        with self._making:
            if self._logins is None:
                self._logins = LoginQueue(lambda: self.client)
            return self._logins

    @logins.setter
    def logins(self, queue: LoginQueue | None) -> None:
        self._logins = queue

    @property
    def registrations(self) -> Registrations | FakeRegistrations:
        """Who may be activated, as the database knows it; in a test run in memory."""
        if get_settings().in_memory:
            return self.testing.registrations
        from django_sespan._internal.registrations import Registrations  # noqa: PLC0415

        return Registrations()

    @property
    def testing(self) -> SespanTesting:
        """The Sespan of a test run; see `django_sespan.testing`."""
        from django_sespan.testing.service import SespanTesting  # noqa: PLC0415

        with self._making:
            if self._testing is None:
                self._testing = SespanTesting()
            return self._testing

    def _forget(self) -> None:
        # Sockets and threads do not survive a fork; the child makes its own.
        if self._logins is not None:
            atexit.unregister(self._logins.close)
        self._client = self._given = None
        self._logins = self._testing = None
        self._making = threading.Lock()

    def _settings_changed(self, *, setting: str, **_: object) -> None:
        if setting == "SESPAN":
            self.close()

    def close(self) -> None:
        """Give the client's connections back; the next call makes new ones."""
        with self._making:
            clients = self._client, self._given
            self._client = self._given = None
        for client in clients:
            if client is not None:
                client.close()
