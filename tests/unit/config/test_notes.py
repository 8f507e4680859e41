"""Lines for people: what the configuration says and perhaps does not mean."""

from __future__ import annotations

from proxy.config.loader import load_settings
from tests.support.config_files import Write

UP = "upstreams: {o: {dialect: openai, base_url: '%s', key: 'env:KEY'}}"


def test_a_key_that_crosses_the_network_in_the_clear_is_told(tallygate_yaml: Write) -> None:
    assert load_settings(tallygate_yaml(UP % "https://a.example"), {"KEY": "k"}).notes == ()
    assert load_settings(tallygate_yaml(UP % "http://a.example"), {"KEY": "k"}).notes == (
        "upstream o: its key crosses the network in the clear; use https://",
    )
