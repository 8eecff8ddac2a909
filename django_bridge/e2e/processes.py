"""Starting programs, waiting until they answer, and stopping them."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

STARTS_WITHIN = 60.0
STOPS_WITHIN = 15.0


# From 32768 on the kernel gives ports to everybody who asks for any; each here is given once.
_PORTS = iter(range(random.randrange(16_384, 28_000), 32_768))  # noqa: S311  (no secret)


def free_port() -> int:
    """Return a port that was free a moment ago, and that nobody is given meanwhile."""
    for port in _PORTS:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port")


def run(
    command: Sequence[str | Path], *, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> str:
    """Run a program to its end and return what it printed; a failure shows all of it."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(
            f"{command[0]} … failed ({done.returncode}):\n{done.stdout}{done.stderr}"
        )
    return done.stdout


@dataclass
class Process:
    """A running program whose output goes to a file."""

    name: str
    log: Path
    popen: subprocess.Popen[bytes]

    @classmethod
    def start(
        cls,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        env: Mapping[str, str],
        cwd: Path | None = None,
    ) -> Process:
        """Start a program in a process group of its own."""
        with log.open("ab") as output:
            popen = subprocess.Popen(
                [str(part) for part in command],
                cwd=cwd,
                env={**os.environ, **env},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return cls(name, log, popen)

    def wait_until_ready(self, url: str) -> None:
        """Wait until `url` answers without a server error."""
        end = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < end:
            if self.popen.poll() is not None:
                raise RuntimeError(f"{self.name} ended ({self.popen.returncode}):\n{self.tail()}")
            try:
                if httpx.get(url, timeout=9, trust_env=False).status_code < httpx.codes.BAD_REQUEST:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.1)  # another program's start gives no other signal
        raise RuntimeError(f"{self.name} does not answer at {url}:\n{self.tail()}")

    def tail(self) -> str:
        """Return the end of its output."""
        return self.log.read_text(errors="replace")[-4000:]

    def stop(self) -> None:
        """Ask it to stop, insist after a while."""
        if self.popen.poll() is not None:
            return
        os.killpg(self.popen.pid, signal.SIGTERM)
        try:
            self.popen.wait(STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            os.killpg(self.popen.pid, signal.SIGKILL)
            self.popen.wait(STOPS_WITHIN)
