"""The curated detectors, part one: tokens that services give out with a mark of their own.

The marks are those that the services publish for secret scanners; where one gives a length, it is kept as a floor, since
tokens have only ever grown.
"""

from __future__ import annotations

from typing import Final

from proxy.policy.content.checks_secret import anthropic, checksummed, mixed, no_example
from proxy.policy.content.detector import Check, Detector


def _token(name: str, regex: str, hint: str, min_entropy: float = 3.0, check: Check | None = None) -> Detector:
    """A word of its own, or the end of one after ``_``, as in ``key_AKIA...``; a hyphen may be its last character."""
    return Detector(name, "secrets", "KEY", rf"(?:\b|_)({regex})(?:[^A-Za-z0-9_]|$)", hint, min_entropy, check)


CLOUDS: Final = (
    _token("aws-access-key", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}", "AKIA|ASIA|ABIA|ACCA", 2.5, no_example),
    Detector(
        "aws-secret-key",
        "secrets",
        "KEY",
        r"(?i:secret[_ -]?(?:access[_ -]?)?key)[\"'`\\]{0,3}\s{0,4}(?:=>|:=|=|:|,)\s{0,4}[\"'`\\]{0,3}([A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|$)",
        "(?i)secret[_ -]?(?:access[_ -]?)?key",
        4.0,
        no_example,
    ),
    Detector(
        "aws-secret-key",  # as credential files and spreadsheets write it: the id, then the key
        "secrets",
        "KEY",
        r"(?:\b|_)(?:AKIA|ASIA)[A-Z2-7]{16}[\s,:;|\"'\\]{1,6}([A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|$)",
        "AKIA|ASIA",
        4.0,
        no_example,
    ),
    _token("gcp-api-key", r"AIza[A-Za-z0-9_-]{35}", "AIza", 3.5),
    _token("gcp-oauth-secret", r"GOCSPX-[A-Za-z0-9_-]{28}", "GOCSPX-"),
    _token("gcp-access-token", r"ya29\.[A-Za-z0-9_-]{30,}", r"ya29\.", 3.5),
    Detector(
        "gcp-service-account",  # its private key is found as `private-key`
        "secrets",
        "KEY",
        r"\"private_key_id\\?\"\s{0,4}:\s{0,4}\\?\"([0-9a-f]{40})\b",
        "private_key_id",
    ),
    Detector(
        "azure-storage-key",
        "secrets",
        "KEY",
        r"(?i:Account|SharedAccess|Access)(?i:Key\s?=\s?)([A-Za-z0-9+/]{86}==|[A-Za-z0-9+/]{43}=)",
        r"(?i)Key\s?=\s?[A-Za-z0-9+/]{8}",
        3.5,
    ),
    Detector(
        "azure-client-secret",
        "secrets",
        "KEY",
        r"(?:^|[^A-Za-z0-9_~.+/=-])([A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34})(?:[^A-Za-z0-9_~+/=-]|$)",
        "[0-9]Q~",
        3.5,
    ),
    Detector(
        "azure-sas",
        "secrets",
        "KEY",
        r"[?&;]sig=((?:[A-Za-z0-9+/]|%2[BbFf]){43}(?:=|%3[Dd]))",
        "[?&;]sig=",
        3.5,
    ),
    _token("digitalocean-token", r"do[opr]_v1_[a-f0-9]{64}", "do[opr]_v1_"),
    _token("databricks-token", r"dapi[a-f0-9]{32}(?:-[0-9])?", "dapi[a-f0-9]{8}"),
    _token("alibaba-access-key", r"LTAI[A-Za-z0-9]{12,26}", "LTAI", 3.0, mixed),
)

CODE_HOSTS: Final = (
    _token(
        "github-token",
        r"(?:gh[pousr]_[A-Za-z0-9]{36,255}|ghs_[A-Za-z0-9]{1,20}_eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,})",
        "gh[pousr]_",
        0.0,
        checksummed,
    ),
    _token("github-fine-grained-token", r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}", "github_pat_"),
    _token(
        "gitlab-token",
        r"gl(?:pat|dt|rt|ptt|cbt|soat|imt|agent|ft|ffct|oas|rtr)-[A-Za-z0-9_.=-]{20,251}",
        "gl[a-z]{2,5}-",
    ),
    _token("gitlab-runner-token", r"GR1348941[A-Za-z0-9_-]{20,51}", "GR1348941"),
    _token("bitbucket-password", r"ATBB[A-Za-z0-9_=.-]{28,}", "ATBB", 3.5),
    _token("atlassian-token", r"AT[AC]TT3xFf[A-Za-z0-9_=-]{61,}", "AT[AC]TT3"),
    _token("npm-token", r"npm_[A-Za-z0-9]{36}", "npm_", 0.0, checksummed),
    _token("pypi-token", r"pypi-Ag(?:EIcHlwaS5vcmc|ENdGVzdC5weXBpLm9yZ)[A-Za-z0-9_-]{50,}", "pypi-Ag"),
    _token("docker-token", r"dckr_(?:pat|oat)_[A-Za-z0-9_-]{27,}", "dckr_"),
    _token("rubygems-token", r"rubygems_[a-f0-9]{48}", "rubygems_"),
)

MODELS: Final = (
    _token("anthropic-key", r"sk-ant-[A-Za-z0-9_-]{20,201}", "sk-ant-", 3.3, anthropic),
    _token(
        "openai-key", r"sk-(?:(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{20,251}|[A-Za-z0-9]{32,250})", "sk-", 3.3, mixed
    ),
    _token("openrouter-key", r"sk-or-(?:v1-)?[a-f0-9]{64}", "sk-or-"),
    _token("hugging-face-token", r"hf_[A-Za-z0-9]{30,40}", "hf_", 3.5),
    _token("groq-key", r"gsk_[A-Za-z0-9]{40,64}", "gsk_", 3.5),
    _token("xai-key", r"xai-[A-Za-z0-9]{64,90}", "xai-", 3.5),
    _token("replicate-token", r"r8_[A-Za-z0-9]{37}", "r8_", 3.5),
    _token("perplexity-key", r"pplx-[A-Za-z0-9]{40,64}", "pplx-", 3.5),
)

SERVICES: Final = (
    _token("slack-token", r"xox[abceoprs](?:\.xox[bp])?-[A-Za-z0-9-]{10,401}", "xox[a-z]", 2.5, mixed),
    _token("slack-app-token", r"xapp-[0-9]-[A-Z0-9]{6,20}-[0-9]{6,20}-[A-Za-z0-9]{20,128}", "xapp-"),
    _token(
        "slack-webhook",
        r"hooks\.slack(?:-gov)?\.com\\?/(?:services|workflows|triggers)\\?/[A-Z0-9]{6,20}\\?/[A-Za-z0-9]{6,24}\\?/[A-Za-z0-9]{16,64}",
        r"hooks\.slack",
    ),
    _token(
        "discord-webhook",
        r"discord(?:app)?\.com\\?/api\\?/webhooks\\?/[0-9]{17,20}\\?/[A-Za-z0-9_-]{60,80}",
        "api\\\\?/webhooks",
    ),
    _token("telegram-token", r"[0-9]{8,10}:AA[A-Za-z0-9_-]{33}", "[0-9]:AA", 3.5),
    _token("stripe-key", r"(?:sk|rk)_live_[A-Za-z0-9]{16,247}", "[sr]k_live_", 3.0),
    Detector("stripe-webhook-secret", "secrets", "KEY", r"(?:\b|_)(whsec_[A-Za-z0-9+/]{24,90}={0,2})", "whsec_", 3.3),
    _token("square-token", r"sq0[a-z]{3}-[A-Za-z0-9_-]{22,43}", "sq0"),
    _token("shopify-token", r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}", "shp[a-z]{2}_"),
    _token("sendgrid-key", r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}", r"SG\.", 3.5),
    _token("twilio-key", r"SK[0-9a-f]{32}", "SK[0-9a-f]{8}"),
    Detector(
        "twilio-auth-token",
        "secrets",
        "KEY",
        r"(?i:twilio[a-z_. -]{0,16}token)[\"'`\\]{0,3}\s{0,4}(?:=>|:=|=|:|,)\s{0,4}[\"'`\\]{0,3}([0-9a-f]{32})\b",
        "(?i)twilio",
        2.5,
    ),
    _token("mailgun-key", r"key-[0-9a-f]{32}", "key-[0-9a-f]{8}"),
    _token("mailchimp-key", r"[0-9a-f]{32}-us[0-9]{1,2}", "-us[0-9]"),
    _token("grafana-token", r"gl(?:sa|c)_[A-Za-z0-9+/]{32,400}(?:_[A-Fa-f0-9]{8})?", "gl(?:sa|c)_", 3.5),
    _token("linear-key", r"lin_(?:api|oauth)_[A-Za-z0-9]{40,64}", "lin_"),
    _token("notion-token", r"ntn_[A-Za-z0-9]{40,64}", "ntn_"),
    _token("postman-key", r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}", "PMAK-"),
    _token("vault-token", r"hv[sbr]\.[A-Za-z0-9_-]{24,401}", r"hv[sbr]\.", 3.5),
    _token("age-key", r"AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}", "AGE-SECRET-KEY-1"),
    _token("new-relic-key", r"NRAK-[A-Z0-9]{27}", "NRAK-"),
    _token("doppler-token", r"dp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9_.-]{41,61}", r"dp\.[a-z]"),
)
