"""What is handed to a worker is the whole reading, and nothing that it could take for something else."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import msgspec
import pytest

from proxy.app.in_force import packed, unpacked
from proxy.config.keys import Order, issue
from proxy.config.reading import Reading, read
from tests.support.config_files import DIRECTORY
from tests.support.tokens import jwk, key_set, private

CONFIG = """\
state: state
directory: directory.yaml
policies: policies
tls: { cert: cert.pem, key: key.pem }
notify: { url: env:HOOK, secret: file:secret }
budget: { limit: $1/day, on_store_down: { meters: allow } }
upstreams:
  a: { dialect: openai, base_url: http://127.0.0.1:9/v1, key: file:secret, prices: { input: 999999999999999 } }
  b: { dialect: anthropic, base_url: http://127.0.0.1:9, key: env:MISSING }
passthrough:
  files: { upstream: a, paths: [/v1/files/**], price: $0/call }
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "policies" / "tests").mkdir(parents=True)
    (tmp_path / "policies" / "org.yaml").write_bytes(b"kind: Policy\n\xff")
    (tmp_path / "policies" / "tests" / "gone.yaml").symlink_to("nowhere")
    (tmp_path / os.fsdecode(b"policies/\xff.yaml")).write_text("kind: Policy\n")
    for name in ("secret", "cert.pem", "key.pem"):
        (tmp_path / name).write_text("a-secret")
    (tmp_path / "jwks.json").write_bytes(key_set(jwk(private())))
    (tmp_path / "directory.yaml").write_text(DIRECTORY + "jwt: {issuer: x, audience: y, jwks: jwks.json}\n")
    (tmp_path / "tallygate.yaml").write_text(CONFIG)
    return tmp_path


def read_at(home: Path) -> Reading:
    return read(home / "tallygate.yaml", {"HOOK": "https://hooks.example/x"})


def test_a_reading_is_the_same_in_another_process(home: Path) -> None:
    token = issue(home / "directory.yaml", Order(user="ann@acme.example", expires_at=4e9)).token
    sent = read_at(home)
    got = unpacked(packed(sent))
    assert got.same_as(sent)
    for name in Reading.__struct_fields__:
        if name != "directory":
            assert getattr(got, name) == getattr(sent, name)
    assert got.directory.listed == sent.directory.listed
    assert got.directory.principal_of(token, 0.0) == sent.directory.principal_of(token, 0.0) is not None
    assert got.directory.pseudonym("user", "ann@acme.example") == sent.directory.pseudonym("user", "ann@acme.example")


def test_what_another_release_handed_over_is_refused_rather_than_misread(home: Path) -> None:
    plain = pickle.loads(packed(read_at(home)))  # noqa: S301 - our own
    assert unpacked(pickle.dumps(plain | {"of_a_later_release": 1})).same_as(read_at(home))
    plain["settings"]["workers"] = "two"
    with pytest.raises(msgspec.ValidationError, match=r"Expected `int`, got `str` - at `\$\.settings\.workers`"):
        unpacked(pickle.dumps(plain))
