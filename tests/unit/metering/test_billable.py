"""What could not be billed is known before the call."""

from __future__ import annotations

import pytest

from proxy.domain.upstream import Upstream
from proxy.metering.billable import unbillable
from proxy.metering.prices import PriceBook
from proxy.metering.table import PriceTable


@pytest.mark.parametrize(
    ("provider", "model", "api", "media", "missing"),
    [
        ("openai", "gpt-4o", "openai.chat", 0, ()),
        ("openai", "gpt-4o", "openai.responses", 1, ()),
        ("openai", "text-embedding-3-small", "openai.embeddings", 0, ()),
        ("openai", "whisper-1", "openai.audio", 1, ()),
        ("openai", "whisper-1", "openai.chat", 0, ("per_second",)),
        ("openai", "tts-1", "openai.audio", 0, ()),
        ("openai", "tts-1", "openai.chat", 0, ("per_character",)),
        ("openai", "gpt-image-1", "openai.images", 0, ()),
        ("anthropic", "claude-sonnet-4-5", "anthropic.messages", 1, ()),
        ("google", "gemini-2.5-pro", "gemini.generate", 1, ()),
        ("google", "gemini-embedding-2", "gemini.embed", 0, ()),
        ("google", "gemini-embedding-2", "gemini.embed", 1, ("video_input",)),
        ("mistral", "voxtral-small-24b-2507", "openai.chat", 0, ()),
        ("mistral", "voxtral-small-24b-2507", "openai.chat", 1, ("per_second",)),
        ("mistral", "mistral-ocr-latest", "openai.chat", 0, ("per_page",)),
        ("perplexity", "sonar-pro", "openai.chat", 0, ()),
        ("perplexity", "sonar-deep-research", "openai.chat", 0, ("citation",)),
    ],
)
def test_a_unit_that_the_answers_do_not_show_is_named(
    table: PriceTable, provider: str, model: str, api: str, media: int, missing: tuple[str, ...]
) -> None:
    upstream = Upstream(name="u", dialect="openai", base_url="https://x.invalid", prices_from=provider)
    price = PriceBook(table, [upstream]).quote(upstream, model, 1_795_000_000.0)
    assert price is not None
    assert unbillable(price, api, media=bool(media)) == missing
