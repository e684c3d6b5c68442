"""Structured logs: JSON lines or console text, without secrets or phone numbers."""

import logging
import re
import sys
import traceback
from collections.abc import Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any

import structlog

HIDDEN = "[hidden]"

# Whole values that are never written, whatever they hold.
HIDDEN_KEYS = frozenset(
    {"authorization", "api_key", "secret", "password", "token", "dsn", "caller", "callee", "phone"}
)
# What must not appear inside other values: keys, passwords in URLs, phone numbers.
PATTERNS = (
    (re.compile(r"\btg_[A-Za-z0-9]{1,32}_[A-Za-z0-9]+"), HIDDEN),
    (re.compile(r"\bwhsec_[A-Za-z0-9]+"), HIDDEN),
    (re.compile(r"(/bot)[0-9]+:[A-Za-z0-9_-]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]+"), rf"\1 {HIDDEN}"),
    (re.compile(r"(://[^\s:/@]*:)[^\s@/]+@"), rf"\1{HIDDEN}@"),
    (re.compile(r"(?<![\w.:-])\+?\d(?:[\s().-]{0,2}\d){9,14}(?![\w.:-])"), HIDDEN),
)

Event = MutableMapping[str, Any]


def redact(_logger: Any, _method: str, event: Event) -> Mapping[str, Any]:
    """A processor that hides secrets and phone numbers in every value."""
    return {key: HIDDEN if key in HIDDEN_KEYS else _clean(value) for key, value in event.items()}


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        for pattern, replacement in PATTERNS:
            value = pattern.sub(replacement, value)
        return value
    if isinstance(value, Mapping):
        return redact(None, "", dict(value))
    if isinstance(value, list | tuple):
        return [_clean(each) for each in value]
    return value if isinstance(value, bool | int | float | None) else _clean(str(value))


def where(error: BaseException) -> list[str]:
    """An exception as types and places, from the outermost cause in.

    Its message is left out: it may quote what a client sent.
    """
    told: list[str] = []
    each: BaseException | None = error
    while each is not None:
        told.append(type(each).__name__)
        frames = traceback.extract_tb(each.__traceback__)
        told += [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)
    return told


def configure(level: str, style: str, **fixed: object) -> None:
    """Send our logs and those of the libraries to standard error. `fixed` is in every line."""
    console = style == "console" or (style == "auto" and sys.stderr.isatty())
    shared: list[Callable[..., Any]] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        lambda _logger, _method, event: {**fixed, **event},
    ]
    renderer: Any = structlog.processors.JSONRenderer(ensure_ascii=False)
    if console:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _name_exception,
                redact,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for library in ("uvicorn", "stripe", "httpx"):
        logging.getLogger(library).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _name_exception(_logger: Any, _method: str, event: Event) -> Event:
    """Write an exception as types and places instead of its text."""
    info = event.pop("exc_info", None)
    if info:
        error = info if isinstance(info, BaseException) else None
        error = info[1] if isinstance(info, tuple) else error or sys.exc_info()[1]
        if error is not None:
            event["error"] = where(error)
    return event
