"""What a client needs to trust an engine over TCP, and to be trusted.

Owns: building the TLS context. Never: an unverified connection; there is no option for one.
"""

from __future__ import annotations

import ssl
from pathlib import Path

from lfr_engine.errors import InputError


def client_context(
    *,
    authority: Path | None = None,
    certificate: Path | None = None,
    key: Path | None = None,
) -> ssl.SSLContext:
    """TLS 1.3, engine verified by name.

    Args:
        authority: PEM file of the certificates to trust; the system's when ``None``.
        certificate: PEM file of this client's own certificate chain, for mutual TLS.
        key: PEM file of its key; in ``certificate`` when ``None``.

    Raises:
        InputError: A file is missing or is not what it should be.
    """
    try:
        context = ssl.create_default_context(cafile=authority)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        if certificate is not None:
            context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(str(path) for path in (authority, certificate, key) if path)
        raise InputError(files, f"not usable for TLS: {error}") from error
    return context
