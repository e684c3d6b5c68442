"""Where a tenant's webhook may go: tenants choose the URL, so what is inside our network is not
reached through it. A name is resolved here, and the connection goes to the address that was
checked, whatever the name means a moment later.
"""

import asyncio
import ipaddress
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import httpx

RESOLVE_TIMEOUT_S = 5.0
# A lookup keeps its thread until the name's own servers answer, which tenants choose as well: not
# the event loop's threads, by which connections to the stores are made.
_RESOLVERS = ThreadPoolExecutor(max_workers=8, thread_name_prefix="webhook-names")
# Addresses that carry an IPv4 address inside lead to it.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Forbidden(Exception):
    """The URL leads to no address that may be reached."""


class Unresolved(Exception):
    """The name does not resolve."""


class Target(NamedTuple):
    """What to connect to: the URL with an address in place of the name, and the name for TLS and
    for the Host header.
    """

    url: httpx.URL
    host: str
    server_name: str


async def target_of(url: str, *, allow_private: bool) -> Target:
    """The target of a URL. Raises Forbidden and Unresolved."""
    parsed = httpx.URL(url)
    name = parsed.raw_host.decode("ascii")
    port = parsed.port or (443 if parsed.scheme == "https" else 80)
    for address in await _addresses(name, port):
        if allow_private or is_public(address):
            host = parsed.netloc.decode("ascii")
            return Target(parsed.copy_with(host=str(address)), host, name)
    raise Forbidden(name)


async def _addresses(name: str, port: int) -> list[Address]:
    look_up = partial(socket.getaddrinfo, name, port, type=socket.SOCK_STREAM)
    try:
        async with asyncio.timeout(RESOLVE_TIMEOUT_S):
            found = await asyncio.get_running_loop().run_in_executor(_RESOLVERS, look_up)
    except (OSError, TimeoutError, UnicodeError) as error:
        raise Unresolved(name) from error
    # A scope such as %eth0 names a network card of ours.
    return [ipaddress.ip_address(str(where[0]).partition("%")[0]) for *_, where in found]


def is_public(address: Address) -> bool:
    """Whether an address is of the public internet, and leads nowhere else."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
    within = address.is_multicast or address.is_reserved or getattr(address, "is_site_local", False)
    return address.is_global and not within
