"""What a tenant's webhook must not reach, and that names are resolved before that is decided."""

import asyncio
import ipaddress
import socket
import threading

import pytest

from server.notifications.targets import Forbidden, Unresolved, is_public, target_of


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.255.0.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1",
        "169.254.169.254", "100.64.0.1", "224.0.0.1", "255.255.255.255", "192.0.2.1", "240.0.0.1",
        "::", "::1", "fe80::1", "fc00::1", "fd00::1", "fec0::1", "ff02::1", "2001:db8::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1",
        "64:ff9b::a00:1", "2002:7f00:1::", "2002:a00:1::", "::127.0.0.1", "64:ff9b:1::1",
    ],
)  # fmt: skip
def test_what_is_inside_is_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "64:ff9b::808:808"]
)
def test_the_internet_is_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/", "https://localhost/", "https://[::1]:8443/", "https://10.1.2.3/",
        "https://169.254.169.254/latest/meta-data/", "https://[::ffff:127.0.0.1]/",
        "https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://0/",
    ],
)  # fmt: skip
async def test_every_spelling_of_the_inside_is_refused(url: str) -> None:
    with pytest.raises(Forbidden):
        await target_of(url, allow_private=False)


async def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    target = await target_of("https://localhost:8443/hook?a=1", allow_private=True)
    assert target.url.host in ("127.0.0.1", "::1")
    assert (target.url.port, target.url.raw_path) == (8443, b"/hook?a=1")
    assert (target.host, target.server_name) == ("localhost:8443", "localhost")


async def test_names_that_are_looked_up_for_long_keep_nothing_but_webhooks_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Tenants choose who answers for a name; connections to the stores need threads too."""
    over = threading.Event()

    def look_up_for_long(*_: object, **__: object) -> None:
        over.wait(10)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", look_up_for_long)
    urls = [f"https://slow-{number}.example/" for number in range(40)]
    lookups = [asyncio.create_task(target_of(url, allow_private=False)) for url in urls]
    await asyncio.sleep(0)  # all of them are under way
    try:
        async with asyncio.timeout(2):
            assert await asyncio.to_thread(lambda: True)
    finally:
        over.set()
        found = await asyncio.gather(*lookups, return_exceptions=True)
    assert {type(each) for each in found} == {Unresolved}
