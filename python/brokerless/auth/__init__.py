"""Who may connect: authenticators, which answer libzmq's question about each client (ZAP, RFC 27), and certificates.

    from brokerless.auth.thread import ThreadAuthenticator

    with ThreadAuthenticator(context) as auth:
        auth.allow("127.0.0.1")
        auth.configure_curve(domain="*", location="keys")

`brokerless.auth.thread` and `brokerless.auth.asyncio` have the authenticators that run by themselves: on a native thread,
which needs Python only where a function of yours decides.
"""

from __future__ import annotations

from .base import CURVE_ALLOW_ANY, Authenticator
from .certs import create_certificates, load_certificate, load_certificates

__all__ = ["CURVE_ALLOW_ANY", "Authenticator", "create_certificates", "load_certificate", "load_certificates"]
