"""A certificate authority of the emulator's own, for clients that insist on ``https`` and a real host name."""

from __future__ import annotations

import ssl


class Authority:
    """Signs one certificate for all ``hosts``. ``ModuleNotFoundError`` without the extra ``emulator``."""

    def __init__(self, *hosts: str) -> None:
        try:
            import trustme
        except ModuleNotFoundError as missing:
            message = 'TLS needs trustme: pip install "failover-plugin[emulator]"'
            raise ModuleNotFoundError(message, name=missing.name) from missing
        ca = trustme.CA()
        self.pem: bytes = ca.cert_pem.bytes()
        """The authority's certificate: what a client has to trust."""
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        """The server's side of TLS."""
        leaf = ca.issue_cert(*hosts)
        with leaf.private_key_and_cert_chain_pem.tempfile() as path:
            self.context.load_cert_chain(path)
