"""A mail server of one page: takes everything, keeps it, and wakes who waits."""

from __future__ import annotations

import email
import email.policy
import socketserver
import threading
from dataclasses import dataclass
from email.message import EmailMessage


@dataclass
class Mail:
    """What arrived: the envelope, the parsed message and its bytes."""

    sender: str
    recipient: str
    message: EmailMessage
    data: bytes


class Sink(socketserver.ThreadingTCPServer):
    """Listens on 127.0.0.1; `wait(recipient)` gives the next mail to somebody."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Session)
        self.mails = []
        self.arrived = threading.Condition()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self):
        return self.server_address[1]

    def keep(self, sender, recipients, data):
        parsed = email.message_from_bytes(data, policy=email.policy.default)
        with self.arrived:
            self.mails += [Mail(sender, r, parsed, data) for r in recipients]
            self.arrived.notify_all()

    def to(self, recipient):
        return [m for m in self.mails if m.recipient == recipient]

    def wait(self, recipient, count=1, seconds=60):
        with self.arrived:
            if not self.arrived.wait_for(lambda: len(self.to(recipient)) >= count, seconds):
                raise AssertionError(f"no mail to {recipient} within {seconds} s")
            return self.to(recipient)[count - 1]


class Session(socketserver.StreamRequestHandler):
    """As much of RFC 5321 as a client needs that gets no refusal."""

    def handle(self):
        self.say("220 sink")
        sender, recipients = "", []
        while line := self.rfile.readline():
            verb = line.decode().strip()
            match verb.upper().split(" ")[0].split(":")[0]:
                case "EHLO" | "HELO":
                    self.say("250-sink\r\n250 8BITMIME")
                case "MAIL":
                    sender, recipients = address(verb), []
                    self.say("250 ok")
                case "RCPT":
                    recipients.append(address(verb))
                    self.say("250 ok")
                case "DATA":
                    self.say("354 go on")
                    self.server.keep(sender, recipients, self.data())
                    self.say("250 taken")
                case "QUIT":
                    self.say("221 bye")
                    return
                case _:
                    self.say("250 ok")

    def data(self):
        lines = []
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)

    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")


def address(verb):
    return verb[verb.index("<") + 1 : verb.index(">")]
