"""Host names that have no address: libzmq tries them for ever, in silence, so connect() warns of them."""

from __future__ import annotations

import ipaddress
import socket as network
import threading
import warnings
from typing import Any, List, Optional, Set, Tuple

#: Seconds that connect() waits for the answer, once for each name. One that takes longer is nothing to warn of at once:
#: doctor() tells of it.
_PATIENCE = 0.25
#: Hosts that have had an address.
_known: Set[Tuple[str, int]] = set()


def host_in(endpoint: str) -> Optional[str]:
    """The host that an endpoint connects to by its name; None if there is no name to look up."""
    transport, _, address = endpoint.partition("://")
    if transport not in ("tcp", "ws"):
        return None
    # "source;destination": the latter counts. A path may follow.
    place = address.rpartition(";")[2].partition("/")[0]
    host = place.rpartition(":")[0]
    if host in ("", "localhost") or host.startswith("["):
        return None
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host
    return None


def warn_of_unknown(sock: Any, endpoint: str) -> None:
    """Warn if the host in an endpoint that was just connected to has no address; for Socket.connect() to call."""
    host = host_in(endpoint)
    if host is None or sock.socks_proxy:
        # A proxy looks names up itself.
        return
    family = network.AF_UNSPEC if sock.ipv6 else network.AF_INET
    if (host, family) in _known:
        return
    failed: List[OSError] = []

    def look_up() -> None:
        try:
            network.getaddrinfo(host, None, family)
            _known.add((host, family))
        except (OSError, UnicodeError) as error:
            failed.append(error if isinstance(error, OSError) else OSError(str(error)))

    # A look-up can take many seconds, and nothing ends it: it must not be this thread's.
    thread = threading.Thread(target=look_up, name=f"brokerless looks up {host}", daemon=True)
    thread.start()
    thread.join(_PATIENCE)
    if failed:
        why = failed[0].strerror or str(failed[0])
        warnings.warn(
            f"the host {host!r} has no address ({why}), so nobody is reached at {endpoint}; connect() goes on trying: "
            "check the name, or write the address in numbers",
            RuntimeWarning,
            stacklevel=3,
        )
