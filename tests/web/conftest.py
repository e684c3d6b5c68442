"""Fixtures of the tests in a real browser: a running service, and pages that are signed in.

They are synchronous, and the browser is each module's own: its driver keeps an event loop in this
thread, beside which no other test could run one.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.web.service import TENANT, Service, running

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DESKTOP, PHONE = (1280, 900), (390, 844)
Open = Callable[..., Page]

# A page is given the time that it may need where other tests run beside it.
expect.set_options(timeout=20_000)


@pytest.fixture(scope="session")
def service() -> Iterator[Service]:
    """A running Tollgate with the example month of TENANT; one for all tests of a process."""
    _require_chromium()
    with running() as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    _require_chromium()
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield launched
        finally:
            launched.close()


@pytest.fixture
def open_page(browser: Browser, service: Service) -> Iterator[Open]:
    """Opens a page of the console, signed in unless `tenant_id` is None; "" is an administrator.

    A test fails when its pages wrote an error or a warning to the browser's console.
    """
    told: list[str] = []
    with ExitStack() as stack:

        def open_page(
            path: str = "",
            *,
            tenant_id: str | None = TENANT,
            language: str = "en",
            scheme: str = "light",
            size: tuple[int, int] = DESKTOP,
            scripts: bool = True,
        ) -> Page:
            context = browser.new_context(
                base_url=service.console,
                viewport={"width": size[0], "height": size[1]},
                color_scheme=scheme,  # type: ignore[arg-type]
                locale=language,
                timezone_id="Europe/Lisbon",
                reduced_motion="reduce",
                java_script_enabled=scripts,
            )
            stack.callback(context.close)
            page = context.new_page()
            page.set_default_timeout(15_000)
            page.on("console", lambda m: told.append(m.text) if _is_bad(m.type, m.text) else None)
            page.on("pageerror", lambda error: told.append(str(error)))
            if tenant_id is not None:
                page.goto(service.link(tenant_id))
                page.locator("main button[type=submit]").click()
                page.wait_for_url("**/overview")
            if path or tenant_id is None:
                page.goto(path or "/console")
            return page

        yield open_page
    assert not told


def _is_bad(kind: str, text: str) -> bool:
    # An answer that is an error by intent is written there too; tests look at those themselves.
    return kind in ("error", "warning") and "Failed to load resource" not in text


def _require_chromium() -> None:
    if not CHROMIUM.exists() and shutil.which("chromium") is None:
        pytest.skip("the tests in a browser need Chromium: apt-get install chromium")
