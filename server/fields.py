"""The form of ids, shared by every request."""

import re

ID_MUST = "must be 1 to 64 characters of letters, digits and _ . @ : + -"

# Braces would move a key to another slot, slashes end a tenant's part of one.
_ID = re.compile(r"[A-Za-z0-9_.@:+-]{1,64}")

is_id = _ID.fullmatch

# A number as it is dialled, also where a part of it is masked.
PHONE_NUMBER = re.compile(r"\+?[0-9*#]+")
