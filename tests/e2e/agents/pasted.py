"""The lines of the README that a user pastes, so that the tests run these and no others."""

from __future__ import annotations

import re
from pathlib import Path

README = Path(__file__).parents[3] / "README.md"
BASE_URL, KEY = "http://127.0.0.1:8080", "tg_…"  # as the README has them


def pasted(client: str, base_url: str, key: str) -> str:
    """The block below ``**client**`` in the README, with this base URL and key in the place of its examples."""
    found = re.search(
        rf"^\*\*{re.escape(client)}\*\*.*?^```\w+\n(.*?)^```", README.read_text(), re.DOTALL | re.MULTILINE
    )
    assert found is not None, f"README.md has no block below **{client}**"
    assert BASE_URL in found[1], f"the block below **{client}** in README.md does not name {BASE_URL}"
    return found[1].replace(BASE_URL, base_url).replace(KEY, key)
