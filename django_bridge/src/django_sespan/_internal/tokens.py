"""The tokens of customers and staff: JWTs signed with the site's Ed25519 key.

    header    {"alg": "EdDSA", "kid": <RFC 7638 thumbprint of the public key>}
    claims    {"iss", "aud": "sespan", "iat" (a minute ago), "exp" (in 5 minutes), "jti"}, and
    customer  {"sub": "<customer id>", "customer_table": "public.auth_user", "order_ref",
               "amount": "150000.00"}: for one draw
    staff     {"scope": "staff", "sub": "<key of the user>", "name", "roles": ["report", …]}
    Grafana's {"aud": "sespan-grafana", "exp" (in a minute), "sub": "sespan:<key of the user>",
               "name", "roles": ["dashboard", …]}

Sespan checks them against the public keys in `SESPAN_JWKS`, Grafana against the same ones
(`grafana/grafana.ini`). The audience keeps either from taking the other's token.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
import uuid
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.exceptions import ImproperlyConfigured

LIFE_SECONDS = 300
CLOCK_SECONDS = 60
"""How much this server's clock may be fast: Sespan refuses a token from the future."""
AUDIENCE = "sespan"
GRAFANA_AUDIENCE = "sespan-grafana"
GRAFANA_LIFE_SECONDS = 60
"""The proxy asks for a token with each request and uses it at once."""
ISSUER = "django_sespan"


class SigningKey:
    """An Ed25519 private key and the name under which Sespan knows its public half."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.jwk = _public_jwk(private)
        self.kid = self.jwk["kid"]

    @classmethod
    def generate(cls) -> SigningKey:
        """Make a new key."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def load(cls, path: Path) -> SigningKey:
        """Read a PEM file; raises OSError or ValueError."""
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError(f"{path} holds no Ed25519 private key")  # noqa: TRY004  (a value of the file)
        return cls(key)

    def pem(self) -> bytes:
        """Return the private key as unencrypted PKCS 8."""
        return self._private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    def sign(self, customer_id: str, order_ref: str, amount: str, table: str | None = None) -> str:
        """Mint a customer's token; `table` is that of the customer, `schema.table`."""
        whose = {} if table is None else {"customer_table": table}
        return self._mint({"sub": customer_id, "order_ref": order_ref, "amount": amount, **whose})

    def sign_staff(
        self, user_id: str, name: str, roles: Sequence[str], address: str | None = None
    ) -> str:
        """Mint the token of somebody with roles; `address` is where they are."""
        claims = {"scope": "staff", "sub": user_id, "name": name, "roles": list(roles)}
        return self._mint({**claims, "address": address} if address else claims)

    def sign_grafana(self, user_id: str, name: str, roles: Sequence[str]) -> str:
        """Mint a token for Grafana, which Sespan refuses.

        `sub` has a prefix: Grafana looks people up by it, and a local account of it that is called
        as somebody's primary key would be taken for theirs.
        """
        claims = {"sub": f"sespan:{user_id}", "name": name, "roles": list(roles)}
        return self._mint(claims, GRAFANA_AUDIENCE, GRAFANA_LIFE_SECONDS)

    def _mint(
        self, claims: dict[str, Any], audience: str = AUDIENCE, life: int = LIFE_SECONDS
    ) -> str:
        now = int(time.time())
        common = {
            "iss": ISSUER,
            "aud": audience,
            "iat": now - CLOCK_SECONDS,
            "exp": now + life,
            "jti": str(uuid.uuid4()),
        }
        headers = {"kid": self.kid}
        return jwt.encode({**common, **claims}, self._private, algorithm="EdDSA", headers=headers)


def signing_key(path: Path | None) -> SigningKey:
    """Return the key of `SIGNING_KEY_FILE`, read once and again when the file changes."""
    if path is None:
        raise ImproperlyConfigured(
            "SESPAN['SIGNING_KEY_FILE'] is not set; tokens are signed with it."
        )
    try:
        return _load(path, path.stat().st_mtime_ns)
    except (OSError, ValueError) as exc:
        raise ImproperlyConfigured(f"SESPAN['SIGNING_KEY_FILE']: {exc}") from exc


@lru_cache(maxsize=4)
def _load(path: Path, mtime_ns: int) -> SigningKey:
    return SigningKey.load(path)


def _public_jwk(private: Ed25519PrivateKey) -> dict[str, str]:
    raw = private.public_key().public_bytes(
        serialization.Encoding.Raw, serialization.PublicFormat.Raw
    )
    required = {"crv": "Ed25519", "kty": "OKP", "x": _b64(raw)}
    canonical = json.dumps(required, separators=(",", ":"), sort_keys=True)
    kid = _b64(hashlib.sha256(canonical.encode()).digest())  # RFC 7638, RFC 8037
    return {**required, "kid": kid, "use": "sig", "alg": "EdDSA"}


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
