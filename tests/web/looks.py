"""Looks at a page: the scan for what keeps people out, and screenshots kept as artefacts."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

HERE = Path(__file__).parent
SCREENSHOTS = HERE / "screenshots"
AXE = HERE / "vendor" / "axe.min.js"
SERIOUS = ("serious", "critical")


def findings(page: Page) -> list[str]:
    """What a scan finds that is serious; whatever moves has come to rest before."""
    page.evaluate(AXE.read_text())
    found: dict[str, Any] = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{each['id']}: {each['help']}: {', '.join(node['html'][:200] for node in each['nodes'])}"
        for each in found["violations"]
        if each["impact"] in SERIOUS
    ]


def shoot(page: Page, name: str) -> None:
    """Keeps a picture of the whole page as `screenshots/<name>.png`."""
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))
