"""Ports of this machine."""

from __future__ import annotations

import errno
import socket

from stoa.runtime.failure import Failure

_BACKLOG = 2048


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket that queues whoever connects. Raises `Failure` where the port is in use or not ours to have."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise Failure(
            f"{host} is no address to listen on: {error.strerror}", "set STOA_BIND or STOA_<PROCESS>_ADMIN right"
        ) from None
    bound = socket.socket(family, kind, protocol)
    # A port whose last connections are still being forgotten is free; one that is listened on is not.
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(address)
        bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRINUSE:
            raise Failure(
                f"port {port} on {host} is in use",
                "stop what listens there, or choose another: --port and --admin-port for the gateway, "
                "STOA_<PROCESS>_HTTP, _ADMIN and _GRPC",
            ) from None
        raise Failure(f"port {port} on {host} cannot be had: {error.strerror}", "choose another --port") from None
    return bound
