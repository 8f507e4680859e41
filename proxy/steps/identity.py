"""Who calls: the holder of a virtual key, or of a token that the identity provider issued for us.

One answer for a missing, unknown and expired key and for every bad token. Only two things are told: that a genuine token
has expired, and which claim of a genuine one gives no place here. Fails closed: while the provider's keys are not known,
a token is answered "try again", never let in.
"""

from __future__ import annotations

from proxy import ports
from proxy.config import jwk_set, jwt_checks, jwt_claims, jwt_token
from proxy.config.directory import Directory, Jwt, digest_of
from proxy.config.jwk_set import KeySet
from proxy.config.jwt_checks import LEEWAY_S, ExpiredToken
from proxy.config.jwt_claims import Unmapped
from proxy.config.jwt_token import BadToken, Token
from proxy.domain.errors import CallError, Forbidden, Unauthenticated, Unavailable
from proxy.domain.principal import Principal
from proxy.steps.verdicts import Refusal, Verdicts

NO_KEY = (
    "No valid key. Send the key that `tallygate keys issue` printed as your SDK's API key; "
    "provider keys are not accepted here."
)
NEITHER = (  # where tokens are taken, too
    "No valid key or token. Send the key that `tallygate keys issue` printed, or a current token of your company's "
    "sign-in, as your SDK's API key; provider keys are not accepted here."
)
EXPIRED = "Your token has expired. Get a new one from your company's sign-in and send it as your SDK's API key."
UNKNOWN_KEYS = (
    "Tokens cannot be checked now, because the keys of the identity provider could not be fetched. Try again."
)


class _KeysUnknown(Exception):
    """Whether the token is good cannot be known now."""


class Identity:
    """One per worker. Remembers verdicts on tokens as long as directory and key set are the ones they were made with."""

    def __init__(self, key_sets: ports.KeySets) -> None:
        """``key_sets`` gives what URLs publish; key sets in files come with the directory."""
        self._key_sets = key_sets
        self._verdicts = Verdicts()
        self._directory: Directory | None = None
        self._document: bytes | None = None
        self._keys: KeySet | None = None

    async def principal(self, directory: Directory, credential: str | None, now: float) -> Principal:
        """Give the holder. Raises ``Unauthenticated``, ``Forbidden`` and ``Unavailable``; waits a moment at most."""
        jwt = directory.jwt
        if credential:
            if jwt is not None and jwt_token.is_token(credential):
                return await self._holder(directory, jwt, credential, now)
            found = directory.principal_of(credential, now)
            if found is not None:
                return found
        raise Unauthenticated(NO_KEY if jwt is None else NEITHER)

    async def _holder(self, directory: Directory, jwt: Jwt, text: str, now: float) -> Principal:
        self._refresh(directory, jwt)
        digest = digest_of(text)
        known = self._verdicts.get(digest, now)
        if known is None:
            known = await self._judge(directory, jwt, text, now)
            if isinstance(known, Principal):
                self._verdicts.admit(digest, known, (known.expires_at or now) + LEEWAY_S)
            else:
                self._verdicts.refuse(digest, known, now)
        if isinstance(known, Principal):
            return known
        raise known.error()

    async def _judge(self, directory: Directory, jwt: Jwt, text: str, now: float) -> Principal | Refusal:
        """Say who it is, or why nobody. Raises ``Unavailable``, which is no verdict and is not remembered."""
        try:
            token = jwt_token.read(text)
            jwt_checks.addressed(jwt, token.claims)  # first: a stranger's token must not make us ask for keys
            await self._prove(directory, jwt, token)
            return jwt_claims.principal_of(directory, jwt, token.claims, jwt_checks.expiry(token.claims, now))
        except ExpiredToken:
            return Refusal(Unauthenticated, EXPIRED, "token_expired")
        except BadToken:
            return Refusal(Unauthenticated, NEITHER)
        except Unmapped as lack:
            return Refusal(Forbidden, str(lack), "claims_not_mapped")
        except _KeysUnknown:
            raise _unavailable() from None

    async def _prove(self, directory: Directory, jwt: Jwt, token: Token) -> None:
        """Return if the provider signed it. Raises ``BadToken`` and ``_KeysUnknown``."""
        if self._keys is not None and self._keys.signed(token):
            return
        is_file = jwt.document is not None
        if is_file or (self._keys is not None and self._keys.knows(token)):
            raise BadToken("signature")
        is_current = await self._key_sets.newer(jwt.jwks)  # the provider may have begun to use a new key
        self._refresh(directory, jwt)
        if self._keys is not None and self._keys.signed(token):
            return
        if not is_current:
            raise _KeysUnknown
        raise BadToken("signature")

    def _refresh(self, directory: Directory, jwt: Jwt) -> None:
        """Look whether directory and key set are still the same; whatever was judged by others is judged anew."""
        document = self._key_sets.document(jwt.jwks) if jwt.document is None else jwt.document
        if document is not self._document:
            self._document = document
            self._keys = jwk_set.parse(document) if document is not None else None
        elif directory is self._directory:
            return
        self._directory = directory
        self._verdicts = Verdicts()


def _unavailable() -> CallError:
    return Unavailable(UNKNOWN_KEYS, retry_after_s=2.0)
