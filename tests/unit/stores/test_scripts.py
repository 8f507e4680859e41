"""The scripts as they are sent."""

from __future__ import annotations

import hashlib
import re

from proxy.stores.scripts import load_scripts


def test_each_script_begins_with_its_flags_and_is_named_by_its_digest() -> None:
    for script in load_scripts().values():
        assert script.text.startswith("#!lua")
        assert script.text.count("#!lua") == 1
        assert script.sha == hashlib.sha1(script.text.encode(), usedforsecurity=False).hexdigest()


def test_whatever_ends_a_hold_works_in_a_full_store_and_only_taking_one_does_not() -> None:
    needing_room = {name for name, script in load_scripts().items() if "allow-oom" not in script.text.splitlines()[0]}
    assert needing_room == {"hold", "usage", "repeats", "deposit"}


def test_no_amount_is_turned_into_text_by_concatenation() -> None:
    """``..`` and tostring() keep 14 digits; nano-dollars have more. Only names and error texts are joined."""
    for script in load_scripts().values():
        for line in script.text.splitlines():
            code = line.split("--", 1)[0]
            if re.search(r"(?<!\.)\.\.(?!\.)", code):
                assert re.search(r"error\(|prefix \.\. 'h:'|'\(' \.\. int\(", code), line
