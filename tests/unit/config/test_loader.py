"""``tallygate.yaml`` as users write it, and what it comes to."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.config.loader import find_config, load_settings
from proxy.config.price_shape import RatesShape
from proxy.config.problems import ConfigError
from proxy.config.settings import Address, Budget, Limits, Settings
from proxy.domain.decision import Reserve, StoreDown
from proxy.domain.upstream import PriceOverride
from proxy.metering.rates import UNITS
from tests.support.config_files import Write
from tests.support.shared import shared_dir

DESIGN = """\
listen: 127.0.0.1:8080
admin: 127.0.0.1:9090
workers: 1                      # SO_REUSEPORT processes
state: ./state
store:  {url: embedded}
cache:  {url: embedded}
ledger: {url: embedded}
policies: ./policies
directory: ./directory.yaml
budget: {limit: $100/day, timezone: UTC}      # shorthand for one org rule named config/budget
drain: {delay: 5s, max: 300s}
upstreams:
  openai:    {dialect: openai, base_url: "https://api.openai.com/v1", key: env:OPENAI_API_KEY, models: ["gpt-*", "o[0-9]*", "text-embedding-*"], prices_from: openai,
              timeouts: {connect: 5s, first_byte: 600s, idle: 60s}, failover_on: [429, 500, 502, 503, 529]}
  anthropic: {dialect: anthropic, base_url: "https://api.anthropic.com", key: env:ANTHROPIC_API_KEY, models: ["claude-*"], prices_from: anthropic}
  vllm:      {dialect: openai, base_url: "http://vllm.internal:8000/v1", models: ["vllm/*"], strip_prefix: "vllm/", on_disconnect: cancel, prices: {input: 0.20, output: 0.60}}
"""


def refused(path: Path, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load_settings(path, environ or {})
    return str(caught.value).replace(str(path), "tallygate.yaml")


def test_the_file_of_the_design_loads(tallygate_yaml: Write, tmp_path: Path) -> None:
    found = load_settings(tallygate_yaml(DESIGN), {"OPENAI_API_KEY": "sk-1", "ANTHROPIC_API_KEY": "sk-2"})
    assert [upstream.name for upstream in found.upstreams] == ["openai", "anthropic", "vllm"]
    assert found.budget == Budget(limit_nusd=100_000_000_000, period="day", timezone="UTC")
    assert found.upstreams[2].prices == (PriceOverride(rates=(("input", 200_000_000), ("output", 600_000_000))),)
    assert (found.state, found.directory) == (tmp_path / "state", tmp_path / "directory.yaml")
    assert not found.demo


def test_the_shared_example_loads() -> None:
    shared = shared_dir()
    if shared is None:
        pytest.skip("no shared folder beside the project")
    found = load_settings(shared / "policy-example" / "tallygate.yaml", {})
    assert [upstream.name for upstream in found.upstreams] == ["vllm"]


def test_an_empty_file_means_the_defaults_and_the_stand_in(tallygate_yaml: Write, tmp_path: Path) -> None:
    path = tallygate_yaml("")
    found = load_settings(path, {})
    assert found == Settings(
        source=path,
        state=tmp_path / "state",
        policies=tmp_path / "policies",
        directory=tmp_path / "directory.yaml",
        demo=True,
        notes=("no upstream is on: the built-in stand-in `demo` answers models named demo-*",),
        files=(path,),
    )


def test_a_name_without_a_value_is_as_good_as_absent(tallygate_yaml: Write) -> None:
    assert load_settings(tallygate_yaml("upstreams:\n  # openai: …\nbudget:\ntls: ~\nlimits: {}\n"), {}).budget is None


def test_an_upstream_without_its_key_is_off_and_a_line_says_so(tallygate_yaml: Write) -> None:
    found = load_settings(tallygate_yaml(DESIGN), {"OPENAI_API_KEY": "sk-1", "ANTHROPIC_API_KEY": " "})
    assert [upstream.name for upstream in found.upstreams] == ["openai", "vllm"]
    assert "upstream anthropic is off: the environment variable ANTHROPIC_API_KEY is not set" in found.notes


@pytest.mark.parametrize(("demo", "is_on"), [("auto", False), ("on", True), ("off", False)])
def test_the_stand_in_can_be_had_beside_others(tallygate_yaml: Write, demo: str, *, is_on: bool) -> None:
    assert load_settings(tallygate_yaml(f"demo: {demo}\n{DESIGN}"), {}).demo is is_on


def test_a_key_in_a_file_loses_its_line_break_and_is_watched(tallygate_yaml: Write, tmp_path: Path) -> None:
    (tmp_path / "openai.key").write_text("sk-1\n")
    path = tallygate_yaml("upstreams: {o: {dialect: openai, base_url: https://a.example/v1/, key: file:openai.key}}")
    found = load_settings(path, {})
    assert found.upstreams[0].key is not None
    assert found.upstreams[0].key.value == "sk-1"
    assert found.upstreams[0].base_url == "https://a.example/v1"
    assert found.files == (path, tmp_path / "openai.key")


def test_the_environment_overrides_for_containers(tallygate_yaml: Write) -> None:
    said = {"TALLYGATE_LISTEN": "[::]:80", "TALLYGATE_ADMIN": ":9090", "TALLYGATE_STATE": "/var/lib/tg"}
    found = load_settings(tallygate_yaml(DESIGN), said)
    assert found.listen == Address("::", 80)
    assert found.admin == Address("0.0.0.0", 9090)
    assert str(found.listen) == "[::]:80"
    assert found.state == Path("/var/lib/tg")


def test_the_file_is_found_by_option_then_environment_then_here(tmp_path: Path) -> None:
    assert find_config(Path("a.yaml"), {"TALLYGATE_CONFIG": "b.yaml"}) == Path("a.yaml")
    assert find_config(None, {"TALLYGATE_CONFIG": "b.yaml"}) == Path("b.yaml")
    assert find_config(None, {}) == Path("tallygate.yaml")
    assert find_config(tmp_path, {}) == tmp_path / "tallygate.yaml"


def test_every_member_reaches_the_domain(tallygate_yaml: Write, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("x")
    found = load_settings(
        tallygate_yaml("""
budget: {limit: $1.50/month, timezone: Europe/Berlin, reserve: max, grace: 10%, owner: fin@a.example, on_store_down: {meters: deny, local_share: 5%, for: 1m}}
limits: {body: 1MiB, upload: 3MiB, header_timeout: 1s, body_timeout: 2s, body_rate: 2KiB, write_timeout: 3s, keepalive: 4s, in_flight: 5, queue: 0}
lease: 5s
durability: power
log: {format: text, level: debug}
upstreams:
  azure:
    dialect: openai
    base_url: https://x.openai.azure.com/openai
    key: env:K
    auth_header: Api-Key
    query: {api-version: 2024-10-21}
    unpriced: {input: 1, output: "2.5"}
    on_disconnect: {drain: {max: 7s}}
    stream_usage: native
    trust_served_model: false
    max_connections: 9
    forward_headers: [OpenAI-Beta]
    ca_file: ca.pem
    failover_on: []
    prices:
      - {match: "gpt-5*", input: 1.25, per_request: 0.01, tiers: [{above_input: 200000, input: 2.5}], lanes: {batch: 0.5}, discount: 15%}
      - {discount: 0.1}
"""),
        {"K": "k"},
    )
    (azure,) = found.upstreams
    assert (azure.auth_header, azure.query) == ("api-key", (("api-version", "2024-10-21"),))
    assert (azure.unpriced, azure.unpriced_rates) == ("price", (("input", 10**9), ("output", 25 * 10**8)))
    assert (azure.on_disconnect, azure.drain_s, azure.stream_usage) == ("drain", 7.0, "native")
    assert (azure.trust_served_model, azure.max_connections) == (False, 9)
    assert (azure.forward_headers, azure.ca_file) == (frozenset({"openai-beta"}), str(tmp_path / "ca.pem"))
    assert azure.failover_on == frozenset()
    assert azure.prices == (
        PriceOverride(
            match="gpt-5*",
            rates=(("input", 1_250_000_000), ("per_request", 10_000_000)),
            tiers=((200_000, (("input", 2_500_000_000),)),),
            lanes=(("batch", 500_000),),
            discount_millionths=150_000,
        ),
        PriceOverride(discount_millionths=100_000),
    )
    assert found.budget == Budget(
        limit_nusd=1_500_000_000,
        period="month",
        timezone="Europe/Berlin",
        reserve=Reserve.MAX,
        grace_millionths=100_000,
        store_down=StoreDown("deny", 50_000, 60.0),
        owner="fin@a.example",
    )
    assert found.limits == Limits(1 << 20, 3 << 20, 1.0, 2.0, 2048, 3.0, 4.0, 5, 0)
    assert (found.lease_s, found.durability, found.log.format, found.log.level) == (5.0, "power", "text", "debug")


def test_every_unit_that_metering_knows_can_be_priced() -> None:
    assert set(RatesShape.model_fields) == UNITS


UP = "upstreams: {o: {dialect: openai, base_url: https://a.example, %s}}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("drian: {delay: 5s}", "1:1: unknown key 'drian'; did you mean 'drain'?\n    drian: {delay: 5s}\n    ^"),
        (
            "drain: {dealy: 5s}",
            "1:9: drain: unknown key 'dealy'; did you mean 'delay'?\n    drain: {dealy: 5s}\n            ^",
        ),
        ("listen: 8080", "1:9: listen: '8080' is not an address; write host:port, such as 127.0.0.1:8080"),
        ("workers: 08", "1:10: workers: '08' is not a whole number; write decimal digits only"),
        ("workers: 0", "1:10: workers: wants 1 to 512 processes"),
        ("budget: {limit: $100}", "1:17: budget.limit: '$100' has no period; write it as $100/day, with one of hour"),
        (
            "budget: {limit: $1/day, timezone: Berlin}",
            "1:35: budget.timezone: 'Berlin' is not a time zone",
        ),
        ("budget: {timezone: UTC}", "1:9: budget: 'limit' is missing"),
        (
            "budget: {limit: $1/day, reserve: maxx}",
            "1:34: budget.reserve: 'maxx' is not one of expected, max; did you mean 'max'?",
        ),
        ("drain: {delay: 5}", "1:16: drain.delay: '5' is not a duration; write a number and ms, s, m, h or d, such as 5s"),
        ("drain: 5s", "1:8: drain: wants a mapping, found text"),
        ("upstreams: [openai]", "1:12: upstreams: wants a mapping, found a list"),
        (
            "upstreams:\n  o:\n    dialect: opnai\n    base_url: https://a.example",
            "3:14: upstreams.o.dialect: 'opnai' is no dialect; did you mean 'openai'?\n        dialect: opnai\n                 ^",
        ),
        ("upstreams: {o: {dialect: openai}}", "1:16: upstreams.o: 'base_url' is missing"),
        (UP % "key: sk-live", "1:68: upstreams.o.key: secrets are not written here; write env:NAME or file:PATH"),
        (UP % "key: file:gone", "1:68: upstreams.o.key: the file 'gone' cannot be read: No such file or directory"),
        (UP % "prices: {inptu: 1}", "1:72: upstreams.o.prices: unknown key 'inptu'; did you mean 'input'?"),
        (UP % "prices: [{input: 1}, {input: x}]", "1:92: upstreams.o.prices.1.input: 'x' is not a price"),
        (UP % "unpriced: denny", "1:73: upstreams.o.unpriced: 'denny' is no answer to a model without a price; did you mean 'deny'?"),
        (UP % "on_disconnect: {drain: {mx: 1s}}", "1:87: upstreams.o.on_disconnect.drain: unknown key 'mx'; did you mean 'max'?"),
        (UP % "trust_served_model: no", "1:83: upstreams.o.trust_served_model: 'no' is not a switch; write true or false"),
        (UP % "failover_on: [200]", "1:77: upstreams.o.failover_on.0: 200 is not an error status from 400 to 599"),
        (UP % "forward_headers: [Cookie]", "1:81: upstreams.o.forward_headers.0: 'cookie' is never forwarded"),
        ("upstreams: {Open AI: {dialect: openai, base_url: https://a.example}}", "1:13: upstreams.Open AI: 'Open AI' is not a name; use a-z, 0-9, - and _, at most 64"),
        ("tls: {cert: tallygate.yaml}", "1:6: tls: 'key' is missing"),
        (UP % "ca_file: gone.pem", "1:72: upstreams.o.ca_file: there is no file 'gone.pem'"),
        ("store: {url: mysql://h}", "1:14: store.url: wants embedded or a URL: a store's URL starts with one of redis://"),
        ("store: {url: redis+cluster://h/3}", "1:14: store.url: wants embedded or a URL: a cluster has no databases"),
        ("cache: {url: 'redis://h?timeout=3'}", "1:14: cache.url: wants embedded or a URL: unknown option 'timeout'"),
        ("ledger: {url: mysql://h/db}", "1:15: ledger.url: wants embedded or a URL: a ledger's URL starts with postgresql://"),
        ("budget: {limit: $9M/month, grace: 10%}", "1:35: budget.grace: limit and grace together are more than $9,007,199"),
        ("ledger: {url: env:DB}", "1:15: ledger.url: the environment variable DB is not set"),
        (
            "store: {url: redis://h:6379/0}\ncache: {url: redis://u:p@H:6379/1}",
            "2:14: cache.url: is the same instance as the store; a cache evicts, and holds must not be evicted",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_place_and_remedy(tallygate_yaml: Write, text: str, message: str) -> None:
    told = refused(tallygate_yaml(text))
    assert told.startswith(f"tallygate.yaml:{message}")
    assert told.count("\ntallygate.yaml:") == 0


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(tallygate_yaml: Write) -> None:
    told = refused(tallygate_yaml("lease: 5\nlisten: x\nfoo: 1\nfoo: 2\nworkers: -1\n"))
    places = [line.split(": ")[0] for line in told.splitlines() if not line.startswith("    ")]
    assert places == [
        "tallygate.yaml:1:8",
        "tallygate.yaml:2:9",
        "tallygate.yaml:3:1",
        "tallygate.yaml:4:1",
        "tallygate.yaml:5:10",
    ]


def test_a_mistake_in_an_override_names_the_variable(tallygate_yaml: Write) -> None:
    told = refused(tallygate_yaml("lease: 5"), {"TALLYGATE_LISTEN": "y"})
    assert "TALLYGATE_LISTEN: 'y' is not an address; write host:port, such as 127.0.0.1:8080" in told
    assert "tallygate.yaml:1:8: lease: '5' is not a duration" in told


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    assert refused(tmp_path / "tallygate.yaml") == "tallygate.yaml: there is no such file; `tallygate init` writes one"


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    assert refused(tmp_path) == "tallygate.yaml: cannot be read: Is a directory"


@pytest.mark.parametrize("secret", ["two words", "tab\there", "café", "a\nb"])
def test_a_secret_that_no_header_takes_is_refused_unseen(tallygate_yaml: Write, secret: str) -> None:
    told = refused(tallygate_yaml(UP % "key: env:K"), {"K": secret})
    assert "the secret in the environment variable K holds spaces" in told
    assert secret not in told


YAML = st.recursive(
    st.sampled_from(["", "1", "x", "$1/day", "5s", "env:K", "true", "https://a.example", "openai", "*"]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.dictionaries(
            st.sampled_from(
                [*Settings.__struct_fields__, "o", "dialect", "base_url", "key", "models", "prices", "limit"]
            ),
            inner,
            max_size=4,
        ).map(lambda members: "{" + ", ".join(f"{name}: {value}" for name, value in members.items()) + "}"),
    ),
    max_leaves=12,
)


@given(YAML)
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_yaml_gives_settings_or_a_config_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "tallygate.yaml"
    path.write_text(text)
    try:
        assert load_settings(path, {"K": "k"}).source == path
    except ConfigError as error:
        assert all(problem.line >= 1 for problem in error.problems)  # noqa: PT017 - both ends are promised
