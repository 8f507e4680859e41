"""When an upstream is asked and when it is left alone, as the configuration says it."""

from __future__ import annotations

import pytest

from proxy.config.loader import load_settings
from proxy.config.problems import ConfigError
from proxy.domain.upstream import BreakerRule, Queue
from tests.support.config_files import Write

UP = "upstreams: {o: {dialect: openai, base_url: https://a.example, %s}}"


def test_every_member_reaches_the_domain(tallygate_yaml: Write) -> None:
    text = UP % (
        "weight: 3, parallel: 64, queue: {max: 7, wait: 250ms}, breaker: {failures: 2, open: 90s}, "
        "aliases: {fast: gpt-5-mini, best: openai/gpt-5.1}"
    )
    (upstream,) = load_settings(tallygate_yaml(text), {}).upstreams
    assert (upstream.weight, upstream.queue, upstream.breaker) == (3, Queue(64, 7, 0.25), BreakerRule(2, 90.0))
    assert upstream.aliases == (("fast", "gpt-5-mini"), ("best", "openai/gpt-5.1"))
    assert [upstream.own_name(name) for name in ("fast", "gpt-5-mini")] == ["gpt-5-mini", "gpt-5-mini"]


def test_what_is_not_said_has_the_defaults_of_the_domain(tallygate_yaml: Write) -> None:
    (upstream,) = load_settings(tallygate_yaml(UP % "models: [x]"), {}).upstreams
    assert (upstream.weight, upstream.aliases) == (None, ())
    assert (upstream.queue, upstream.breaker) == (Queue(), BreakerRule())
    assert load_settings(tallygate_yaml(UP % "weight: 0"), {}).upstreams[0].weight == 0


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ("weight: -1", "'-1' is not a whole number"),
        ("weight: 0.5", "'0.5' is not a whole number"),
        ("weight: 9999999", "9999999 is more than 1000000; only the proportions of weights count"),
        ("parallel: 0", "0 at the same time is never; leave the upstream out instead"),
        ("max_connections: 0", "0 at the same time is never; leave the upstream out instead"),
        ("queue: {max: 5, wait: 0s}", "upstreams.o.queue.wait: must be longer than 0s"),
        ("queue: {length: 5}", "unknown key 'length'"),
        ("breaker: {open: 10}", "'10' is not a duration"),
        ("breaker: {fail: 3}", "did you mean 'failures'"),
        ("aliases: [fast]", "wants a mapping, found a list"),
        ('aliases: {"": gpt}', "'' is not a model's name"),
        ('aliases: {fast: ""}', "'' is not a model's name"),
        ("aliases: {fast: [gpt]}", "wants a model's name, found a list"),
        ('aliases: {"gpt-*": gpt}', "'gpt-*' is a pattern; an alias is one name, such as fast"),
    ],
)
def test_a_mistake_is_told(tallygate_yaml: Write, members: str, says: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        load_settings(tallygate_yaml(UP % members), {})
    assert says in str(wrong.value)


def test_a_bound_that_leaves_a_worker_without_any_call_is_a_mistake(tallygate_yaml: Write) -> None:
    text = "workers: 4\n" + UP
    load_settings(tallygate_yaml(text % "parallel: 4"), {})
    with pytest.raises(ConfigError, match=r":2:\d+: upstreams.o.parallel: 3 cannot be divided among 4 workers"):
        load_settings(tallygate_yaml(text % "parallel: 3"), {})


def test_an_upstream_without_its_key_is_off_and_says_why(tallygate_yaml: Write) -> None:
    found = load_settings(tallygate_yaml(UP % "key: env:MISSING"), {})
    assert (found.upstreams, found.off) == ((), (("o", "the environment variable MISSING is not set"),))
    assert "upstream o is off: the environment variable MISSING is not set" in found.notes
