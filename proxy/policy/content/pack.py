"""The curated pack: every detector that comes with the proxy, in one visible tuple."""

from __future__ import annotations

from typing import Final

from proxy.policy.content.detector import Detector
from proxy.policy.content.pack_general import CREDENTIALS, PERSONAL
from proxy.policy.content.pack_services import CLOUDS, CODE_HOSTS, MODELS, SERVICES

PACK: Final[tuple[Detector, ...]] = (*CLOUDS, *CODE_HOSTS, *MODELS, *SERVICES, *CREDENTIALS, *PERSONAL)
