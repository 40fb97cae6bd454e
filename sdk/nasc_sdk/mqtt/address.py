"""A broker's URL, taken apart: ``mqtt://[user:password@]host[:port]`` or ``mqtts://...?ca=FILE&cert=FILE&key=FILE``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from nasc_sdk.errors import InputError

_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
_FILES: Final = frozenset({"ca", "cert", "key"})


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where a broker is and how to be let in; as text it shows neither user nor password."""

    host: str
    port: int
    tls: bool = False
    user: str = ""
    password: str = field(default="", repr=False)
    ca: str | None = None
    """File of certificates to trust instead of the system's."""
    cert: str | None = None
    key: str | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}"


def parse_url(url: str) -> BrokerAddress:
    """Take a URL apart; raises InputError."""
    try:
        parts = urlsplit(url)
        port, files = parts.port, dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    except ValueError as error:
        raise InputError(f"not a broker's URL: {error}") from error
    # The URL itself is not repeated in messages: it may hold a password.
    if parts.scheme not in _PORTS or not parts.hostname or port == 0:
        raise InputError("a broker's URL looks like mqtt://[user:password@]host:port, or mqtts:// for TLS")
    if parts.path.strip("/") or parts.fragment or not files.keys() <= _FILES:
        raise InputError("a broker's URL has no path, and no options but ca, cert and key")
    if files and parts.scheme != "mqtts":
        raise InputError("ca, cert and key belong to mqtts://")
    if ("cert" in files) != ("key" in files):
        raise InputError("a client certificate needs both cert and key")
    return BrokerAddress(
        host=parts.hostname,
        port=port or _PORTS[parts.scheme],
        tls=parts.scheme == "mqtts",
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        **files,
    )
