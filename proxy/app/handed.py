"""What the supervisor hands down to the processes that it starts, by names in their environment."""

from __future__ import annotations

from typing import Final

STORE_VARIABLE: Final = "TALLYGATE_STORE_URL"
CACHE_VARIABLE: Final = "TALLYGATE_CACHE_URL"
DEMO_VARIABLE: Final = "TALLYGATE_DEMO_URL"
AUDIT_VARIABLE: Final = "TALLYGATE_AUDIT_ONLY"  # there, whatever it says: no rule is felt
