"""Parts that are not ours: their bytes as they are, and their objects untouched.

A part may be signed (S/MIME, OpenPGP, DKIM), so that nothing in it is folded, encoded or
delimited anew. Python's generator changes the objects that it writes (a multipart without a
boundary gets one), and so does Django when it builds a message of them: they work on copies.
"""

from __future__ import annotations

import copy
import hashlib
import re
from email import encoders
from email.generator import BytesGenerator
from email.message import Message
from email.policy import EmailPolicy, compat32
from io import BytesIO
from typing import Any, TypeAlias

AnyMessage: TypeAlias = "Message[Any, Any]"
LINE_LIMIT = 998
"""Bytes of a line without its end (RFC 5322 section 2.1.1)."""

_LINE_END = re.compile(r"\r\n|\r|\n")


class AsRead(EmailPolicy):
    """Writes a header as it was read: neither folded nor encoded anew."""

    def fold_binary(self, name: str, value: Any) -> bytes:
        """Return the field with its line end."""
        if hasattr(value, "name"):  # made by the modern API, which has no other form of it
            return super().fold_binary(name, value)
        if isinstance(value, str):
            lines = _LINE_END.split(f"{name}: {value}")
            if max(map(len, lines)) <= LINE_LIMIT:
                try:
                    return "".join(f"{one}\r\n" for one in lines).encode("ascii", "surrogateescape")
                except UnicodeEncodeError:
                    pass  # not read but set, and not encoded yet
        return compat32.clone(linesep="\r\n").fold_binary(name, value)


AS_READ = AsRead(linesep="\r\n")


def part_bytes(part: AnyMessage) -> bytes:
    """Return a part of the site's with its header, with line ends as SMTP wants them."""
    return flattened(twin(part))


def composite(filename: str | None, content: bytes, mimetype: str) -> bytes:
    """Return a mail or a multipart as a part; where SMTP cannot carry its lines, as a mere file."""
    part = _headed(filename, mimetype)
    if _sendable(content) and _delimited(part, content):
        part["Content-Transfer-Encoding"] = "7bit" if content.isascii() else "8bit"
        header = b"".join(AS_READ.fold_binary(n, v) for n, v in part.items())
        return header + b"\r\n" + re.sub(rb"\r?\n", b"\r\n", content)
    return file(filename, content, "application/octet-stream")


def file(filename: str | None, content: bytes, mimetype: str) -> bytes:
    """Return bytes as a part, in base64."""
    part = _headed(filename, mimetype)
    part.set_payload(content)
    encoders.encode_base64(part)
    return flattened(part)


def _headed(filename: str | None, mimetype: str) -> AnyMessage:
    part: AnyMessage = Message()
    part["Content-Type"] = mimetype
    if filename:
        name: Any = filename if filename.isascii() else ("utf-8", "", filename)
        part.add_header("Content-Disposition", "attachment", filename=name)
    return part


def flattened(part: AnyMessage) -> bytes:
    """Return a part that may be changed; boundaries that are missing follow from the content."""
    for multipart in reversed([p for p in part.walk() if _lacks_boundary(p)]):
        set_boundary(multipart, b"".join(_content(p) for p in multipart.walk()))
    out = BytesIO()
    BytesGenerator(out, mangle_from_=False, policy=AS_READ).flatten(part, linesep="\r\n")
    return out.getvalue()


def set_boundary(part: AnyMessage, content: bytes) -> None:
    """Give a multipart a boundary that is always the same for this content."""
    part.set_boundary(f"=_{hashlib.sha256(content).hexdigest()[:40]}")


def twin(part: AnyMessage, *, signed: bool = False) -> AnyMessage:
    """Return a copy, parts and all. A leaf's line that is too long for SMTP costs its encoding."""
    made = copy.copy(part)
    payload: Any = part.get_payload()
    if isinstance(payload, list):
        signed = signed or part.get_content_type() == "multipart/signed"
        made.set_payload([twin(child, signed=signed) for child in payload])
    elif not signed and isinstance(payload, str) and too_long(payload):
        del made["Content-Transfer-Encoding"]  # which gives the copy a list of headers of its own
        made.set_payload(part.get_payload(decode=True))
        encoders.encode_base64(made)
    return made


def too_long(content: str | bytes) -> bool:
    """Whether a line is longer than SMTP allows."""
    if len(content) <= LINE_LIMIT:
        return False
    data = content.encode(errors="replace") if isinstance(content, str) else content
    return any(len(line.removesuffix(b"\r")) > LINE_LIMIT for line in data.split(b"\n"))


def _sendable(content: bytes) -> bool:
    lone_ends = content.count(b"\r") != content.count(b"\r\n")
    return not (lone_ends or b"\0" in content or too_long(content))


def _delimited(part: AnyMessage, content: bytes) -> bool:
    if part.get_content_maintype() != "multipart":
        return True
    boundary = part.get_boundary()
    return bool(boundary) and f"--{boundary}".encode() in content


def _lacks_boundary(part: AnyMessage) -> bool:
    return part.get_content_maintype() == "multipart" and part.get_boundary() is None


def _content(part: AnyMessage) -> bytes:
    payload = part.get_payload()
    return payload.encode(errors="replace") if isinstance(payload, str) else b""
