"""TLS contexts from PEM files, for the bearers that speak it.

Owns: the settings of every outgoing TLS connection of the relay. Never: an unverified peer.
Strategy: only the configured authority is trusted; without one, the system's.
"""

from __future__ import annotations

import ssl

from lfr_engine.errors import ConfigError
from lfr_engine.relay.bearer_settings import TlsFiles


def client_context(files: TlsFiles | None) -> ssl.SSLContext:
    """A context that verifies the peer's name, TLS 1.2 or newer, with our certificate if named.

    Raises:
        ConfigError: A file cannot be read or is not PEM.
    """
    try:
        context = ssl.create_default_context(cafile=None if files is None else files.authority)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if files is not None and files.certificate is not None:
            context.load_cert_chain(files.certificate, files.key)
    except (OSError, ssl.SSLError) as exc:
        name = "the system's authorities" if files is None else files.authority
        raise ConfigError(f"TLS files with {name}", "cannot be used", "PEM files") from exc
    return context
