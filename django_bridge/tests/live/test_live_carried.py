"""Signatures of others hold after the journey: bridge, queue, composer, mail server."""

from __future__ import annotations

import email
import subprocess

import pytest
from django.core.mail import EmailAttachment, EmailMessage
from django.db import connection

from carried import FORWARDED, KINDS, SIGNED, mail_with
from django_sespan.mail import EmailBackend

pytestmark = pytest.mark.filterwarnings("ignore:MIMEBase attachments are deprecated")

TEXT = (
    b"Content-Type: text/plain; charset=utf-8\r\n\r\n"
    b"Signed  \r\n.\r\nFrom me, gr\xc3\xbc\xc3\x9fe\r\n"
)
MULTIPART = (
    b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n' + TEXT + b"\r\n--b--\r\n\r\n"
)


def openssl(*arguments, data, cwd):
    command = ["openssl", *arguments]
    done = subprocess.run(command, input=data, capture_output=True, cwd=cwd, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.fixture
def sign(tmp_path):
    """Sign as S/MIME does; the certificate lies in the folder as cert."""
    openssl(
        *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key", "-out", "cert"),
        *("-days", "2", "-subj", "/CN=Budi"),
        data=b"",
        cwd=tmp_path,
    )
    headers = ("-from", "budi@example.com", "-subject", "Signed")
    smime = ("smime", "-sign", "-crlfeol", "-signer", "cert", "-inkey", "key", *headers)
    return lambda content: openssl(*smime, data=content, cwd=tmp_path)


@pytest.fixture
def verify(tmp_path):
    smime = ("smime", "-verify", "-noverify", "-certfile", "cert")
    return lambda content: openssl(*smime, data=content, cwd=tmp_path)


def arrived(sink, message, to):
    message.to = [to]
    assert EmailBackend().send_messages([message]) == 1
    return sink.wait(to).data


def carried(data, kind="message/rfc822"):
    """The bytes between the header of that part and the boundary after it."""
    outer = email.message_from_bytes(data).get_boundary().encode()
    (part,) = [
        p for p in data.split(b"\r\n--" + outer)[1:] if f"Content-Type: {kind}".encode() in p
    ]
    return part.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("raw", [False, True], ids=["parameters", "raw"])
@pytest.mark.parametrize("content", [TEXT, MULTIPART], ids=["text", "multipart"])
@pytest.mark.parametrize("form", ["bytes", "parsed", "part"])
def test_smime(form, content, raw, sign, verify, sink):
    signed = sign(content)
    if form == "bytes":
        attachment = EmailAttachment("signed.eml", signed, "message/rfc822")
    elif form == "parsed":
        attachment = EmailAttachment(
            "signed.eml", email.message_from_bytes(signed), "message/rfc822"
        )
    else:
        attachment = email.message_from_bytes(signed)
        for name in ("From", "Subject"):
            del attachment[name]
    to = f"smime-{form}-{len(content)}-{raw}@example.com".lower()
    data = arrived(sink, mail_with(attachment, raw=raw), to)
    if form == "part":
        (part,) = [
            p
            for p in email.message_from_bytes(data).walk()
            if p.get_content_type() == "multipart/signed"
        ]
        header = f"Content-Type: {part['Content-Type']}\r\n\r\n".encode()
        got = header + carried(data, "multipart/signed")
    else:
        got = carried(data)
    assert "grüße".encode() in verify(got)


def test_smime_of_the_site_itself(sign, verify, sink):
    signed = sign(MULTIPART)

    class Signed(EmailMessage):
        def message(self, **kwargs):
            return email.message_from_bytes(signed)

    data = arrived(sink, mail_with(cls=Signed), "smime-own@example.com")
    assert "grüße".encode() in verify(data)


@pytest.mark.parametrize("raw", [False, True], ids=["parameters", "raw"])
@pytest.mark.parametrize(
    ("kind", "type_", "content"),
    [
        ("rfc822 bytes", "message/rfc822", FORWARDED),
        ("multipart bytes", "multipart/signed", SIGNED),
        ("rfc822 of Django", "message/rfc822", None),
    ],
)
def test_bytes_arrive_as_they_are(kind, type_, content, raw, sink):
    data = arrived(
        sink,
        mail_with(KINDS[kind](), raw=raw),
        f"{kind}-{raw}@example.com".replace(" ", "-").lower(),
    )
    got = carried(data, type_)
    assert FORWARDED in got if content is None else got == content


def test_a_whole_message_of_an_sql_client(sink):
    """What is prepended is ours; what was given (it may be signed) follows as it was."""
    with connection.cursor() as cursor:
        enqueue = "SELECT sespan.mail_enqueue(recipient => %s, raw => %s::bytea)"
        given = FORWARDED.replace(
            b"Received:",
            b"Message-ID: <1@a.example>\r\nDate: Mon, 02 Feb 2026 10:00:00 +0000\r\nReceived:",
        )
        cursor.execute(enqueue, ["whole@example.com", given])
    assert sink.wait("whole@example.com").data == given
