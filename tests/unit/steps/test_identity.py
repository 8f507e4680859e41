"""Who calls: keys and tokens side by side, one answer for every bad one, and nobody let in on keys that are not known."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass

import msgspec
import pytest

from proxy.config.directory import Directory
from proxy.config.directory_loader import parse_directory
from proxy.domain.errors import CallError, Forbidden, Unauthenticated, Unavailable
from proxy.steps.identity import EXPIRED, NEITHER, NO_KEY, Identity
from tests.support.config_files import DIRECTORY
from tests.support.tokens import ALGORITHMS, ANN, ISSUER, claims, jwk, key_set, private, token

NOW = 1_800_000_000.0
KEY = "tg_" + "k" * 43
URL = "https://id.acme.example/keys"
FIRST, SECOND = key_set(jwk(private())), key_set(jwk(private("ES256"), "k2"))


@dataclass
class Publisher:
    """Satisfies ``ports.KeySets``: gives the next document when asked for it."""

    now: bytes | None = FIRST
    next: bytes | None = None
    answers: bool = True
    asked: int = 0

    def document(self, url: str) -> bytes | None:
        return self.now if url == URL else None

    async def newer(self, url: str) -> bool:
        assert url == URL
        self.asked += 1
        await asyncio.sleep(0)
        if self.next is not None:
            self.now = self.next
        return self.answers


def directory(jwt: str = "", team: str = "growth") -> Directory:
    row = f'keys:\n  - {{ id: key_x, digest: "sha256:{hashlib.sha256(KEY.encode()).hexdigest()}", user: {ANN} }}\n'
    members = jwt or f"issuer: {ISSUER}, audience: tallygate, jwks: {URL}"
    text = DIRECTORY.replace("keys:   # issued by `tallygate keys issue`\n", row)
    text += f"jwt: {{{members}, claims: {{team: department, user: email}}, teams: {{growth: {team}}}}}\n"
    return parse_directory(text.encode(), "d.yaml", b"s" * 32)


DOOR = directory()


async def refused(identity: Identity, credential: str | None, now: float = NOW, door: Directory = DOOR) -> CallError:
    with pytest.raises(CallError) as caught:
        await identity.principal(door, credential, now)
    return caught.value


async def test_keys_and_tokens_open_the_same_door() -> None:
    identity = Identity(Publisher())
    by_key = await identity.principal(DOOR, KEY, NOW)
    by_token = await identity.principal(DOOR, token(claims(NOW)), NOW)
    assert (by_key.key_id, by_token.key_id) == ("key_x", "jwt:id.acme.example")
    assert by_key.pseudonym == by_token.pseudonym
    assert by_key.team == by_token.team == "growth"


@pytest.mark.parametrize("alg", ALGORITHMS)
async def test_every_algorithm_opens_it(alg: str) -> None:
    identity = Identity(Publisher(key_set(jwk(private(alg)))))
    assert (await identity.principal(DOOR, token(claims(NOW), alg=alg), NOW)).user == ANN


async def test_every_bad_credential_gets_the_same_answer() -> None:
    identity = Identity(Publisher())
    told = set()
    for credential in (
        None,
        "",
        "tg_unknown",
        "a.b.c",
        "..",
        token(claims(NOW), private("RS256", 1)),
        token(claims(NOW, iss="https://evil.example")),
        token(claims(NOW, aud="else")),
        token(claims(NOW, exp=None)),
        token(claims(NOW, nbf=int(NOW) + 999)),
        token(claims(NOW, exp=int(NOW) - 999), private("RS256", 1)),  # expired, and not even genuine
        token(claims(NOW), None, alg="none", signer="none"),
        token(claims(NOW), b"secret", alg="HS256"),
        token(claims(NOW), kid="k9"),
        token(claims(NOW))[:-3],
        "é.é.é",
        "\udcff.x.y",
    ):
        error = await refused(identity, credential)
        told.add((type(error), error.message, error.code))
    assert told == {(Unauthenticated, NEITHER, "invalid_api_key")}


async def test_without_a_provider_a_token_is_an_unknown_key() -> None:
    found = parse_directory(DIRECTORY.encode(), "d.yaml", b"")
    assert (await refused(Identity(Publisher()), token(claims(NOW)), door=found)).message == NO_KEY


async def test_the_holder_of_a_genuine_token_is_told_that_it_expired() -> None:
    identity = Identity(Publisher())
    text = token(claims(NOW))
    assert (await identity.principal(DOOR, text, NOW + 659)).expires_at == NOW + 600
    for _ in range(2):
        error = await refused(identity, text, NOW + 660)
        assert (error.status, error.message, error.code) == (401, EXPIRED, "token_expired")


async def test_the_holder_of_a_genuine_token_is_told_which_claim_lacks_what() -> None:
    identity = Identity(Publisher())
    for _ in range(2):  # judged, then remembered
        error = await refused(identity, token(claims(NOW, department="sales")))
        assert isinstance(error, Forbidden)
        assert error.code == "claims_not_mapped"
        assert "'department'" in error.message
        assert "sales" not in error.message


async def test_a_token_is_judged_once() -> None:
    publisher = Publisher()
    identity = Identity(publisher)
    text = token(claims(NOW))
    assert await identity.principal(DOOR, text, NOW) is await identity.principal(DOOR, text, NOW)
    assert publisher.asked == 0
    stranger = token(claims(NOW), kid="k9")
    await refused(identity, stranger)
    await refused(identity, stranger)
    assert publisher.asked == 1


async def test_a_new_key_is_asked_for_and_the_old_one_ends_with_its_set() -> None:
    publisher = Publisher(next=SECOND)
    identity = Identity(publisher)
    old, new = token(claims(NOW)), token(claims(NOW), alg="ES256", kid="k2")
    await identity.principal(DOOR, old, NOW)
    await identity.principal(DOOR, new, NOW)
    assert publisher.asked == 1
    await refused(identity, old)  # although it was remembered: its key was withdrawn
    await identity.principal(DOOR, new, NOW)


async def test_only_a_token_that_could_be_ours_makes_us_ask_for_keys() -> None:
    publisher = Publisher()
    identity = Identity(publisher)
    for text in (
        token(claims(NOW, iss="https://else.example"), kid="k9"),
        token(claims(NOW, aud="else"), kid="k9"),
        token(claims(NOW), private("RS256", 1)),  # of a key that is known
        token(claims(NOW), b"x", alg="HS256", kid="k9"),
    ):
        await refused(identity, text)
    assert publisher.asked == 0


async def test_while_keys_cannot_be_fetched_an_unknown_one_is_no_verdict() -> None:
    publisher = Publisher(answers=False)
    identity = Identity(publisher)
    new = token(claims(NOW), alg="ES256", kid="k2")
    for _ in range(2):
        error = await refused(identity, new)
        assert isinstance(error, Unavailable)
        assert error.retry
    await identity.principal(DOOR, token(claims(NOW)), NOW)  # the known ones are as good as before
    publisher.now, publisher.answers = SECOND, True
    await identity.principal(DOOR, new, NOW)


async def test_without_any_key_set_nobody_is_let_in() -> None:
    publisher = Publisher(None, answers=False)
    identity = Identity(publisher)
    assert isinstance(await refused(identity, token(claims(NOW))), Unavailable)
    assert isinstance(await refused(identity, token(claims(NOW), private("RS256", 1))), Unavailable)
    publisher.next, publisher.answers = FIRST, True
    await identity.principal(DOOR, token(claims(NOW)), NOW)


async def test_a_token_without_a_key_s_name_may_be_of_a_newer_set() -> None:
    publisher = Publisher(next=key_set(jwk(private("ES256"), None)))
    identity = Identity(publisher)
    await identity.principal(DOOR, token(claims(NOW), alg="ES256", kid=None), NOW)
    assert publisher.asked == 1


async def test_a_new_directory_judges_anew() -> None:
    identity = Identity(Publisher())
    text = token(claims(NOW))
    assert (await identity.principal(DOOR, text, NOW)).team == "growth"
    assert (await identity.principal(directory(team="platform"), text, NOW)).team == "platform"
    assert (await identity.principal(DOOR, text, NOW)).team == "growth"


async def test_calls_of_two_generations_at_one_time_each_get_their_own_answer() -> None:
    publisher = Publisher(next=SECOND)
    identity = Identity(publisher)
    new = token(claims(NOW), alg="ES256", kid="k2")
    doors = [DOOR, directory(team="platform")] * 4
    found = await asyncio.gather(*(identity.principal(door, new, NOW) for door in doors))
    assert [one.team for one in found] == ["growth", "platform"] * 4
    again = [(await identity.principal(door, new, NOW)).team for door in doors]
    assert again == ["growth", "platform"] * 4


async def test_keys_in_a_file_are_never_asked_for() -> None:
    publisher = Publisher()
    jwt = DOOR.jwt
    assert jwt is not None
    door = directory()
    door.jwt = msgspec.structs.replace(jwt, jwks="keys.json", document=FIRST)
    identity = Identity(publisher)
    await identity.principal(door, token(claims(NOW)), NOW)
    assert isinstance(await refused(identity, token(claims(NOW), kid="k9"), door=door), Unauthenticated)
    assert publisher.asked == 0
