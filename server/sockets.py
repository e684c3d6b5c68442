"""Addresses as "host:port", and sockets on them that several processes share."""

import errno
import socket


class AddressTaken(Exception):
    """Another program listens there; the message names the address."""


def bind(address: str) -> socket.socket:
    """A bound TCP socket whose port our other processes may bind too. Raises AddressTaken."""
    host, port = split(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise AddressTaken(f"cannot listen on {address}: {error.strerror}") from error
    return bound


def reserve(address: str) -> socket.socket:
    """The same for the first process: nobody may listen there yet. Raises AddressTaken.

    Without this check a second server would silently share the port and take half the requests.
    """
    host, port = split(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            words = "another program listens there" if _in_use(error) else error.strerror
            raise AddressTaken(f"cannot listen on {address}: {words}") from error
    return bind(address)


def address_of(bound: socket.socket) -> str:
    """Where a socket is bound, with the real port."""
    host, port = bound.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def split(address: str) -> tuple[str, int]:
    """The host and port of "host:port" or "[host]:port"."""
    host, _, port = address.rpartition(":")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _in_use(error: OSError) -> bool:
    return error.errno == errno.EADDRINUSE
