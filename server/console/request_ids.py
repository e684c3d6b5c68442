"""The id that a form's change has, so that a form that is sent twice changes things once."""

import secrets


def new_request_id() -> str:
    """One that was never used; a form carries it in `request_id`."""
    return f"console-{secrets.token_hex(16)}"
