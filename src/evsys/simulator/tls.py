"""TLS of a charge point's links: whom it trusts, and its own certificate."""

import ssl
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from evsys.simulator.access import Way


def context_of(way: Way, ca_file: Path | None, roots: Sequence[str]) -> ssl.SSLContext:
    """The context of a link: it trusts `ca_file` and the roots that were installed (PEM), or what the system
    trusts where there are none. Raises OSError for a certificate that is no good."""
    if ca_file is not None:
        context = ssl.create_default_context(cafile=str(ca_file))
    elif roots:
        context = ssl.create_default_context(cadata="\n".join(roots))
    else:
        context = ssl.create_default_context()
    if ca_file is not None and roots:
        context.load_verify_locations(cadata="\n".join(roots))
    if way.profile >= 3:
        # The ssl module reads certificates from files alone.
        with TemporaryDirectory(prefix="evsys-") as folder:
            certificate, key = Path(folder, "certificate"), Path(folder, "key")
            certificate.write_text(way.chain)
            key.write_bytes(way.private_key)
            context.load_cert_chain(certificate, key)
    return context
