"""Documents as PDF: the templates beside this file, set by typst with the fonts it brings along."""

import asyncio
import json
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import typst

from ledger.documents.document import Contents
from server.documents.wording import page_of

TEMPLATES = Path(__file__).parent / "templates"


async def print_pdf(contents: Contents, issued_at: datetime) -> bytes:
    """The PDF of a document, beside the event loop; the same bytes for the same arguments."""
    return await asyncio.to_thread(set_pdf, contents, issued_at)


def set_pdf(contents: Contents, issued_at: datetime) -> bytes:
    """The PDF of a document."""
    return typst.compile(
        TEMPLATES / f"{contents.kind}.typ",
        root=TEMPLATES,
        font_paths=_fonts(),
        ignore_system_fonts=True,
        format="pdf",
        # What people typed goes in as data, so that none of it is read as markup.
        sys_inputs={"page": json.dumps(page_of(contents), ensure_ascii=False)},
        timestamp=issued_at.astimezone(UTC).replace(microsecond=0),
    )


@lru_cache(maxsize=1)
def _fonts() -> typst.Fonts:
    return typst.Fonts(include_system_fonts=False)
