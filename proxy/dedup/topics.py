"""What a text may speak of so that its own surface is content: spelling, wording, courtesy, titles.

"How many letters has this?" makes every letter payload. The lists err on the side of silence: a word too many costs a miss.
"""

from __future__ import annotations

import re
from typing import Final

from proxy.dedup.words import FUNCTION, listed, words_of

FORM: Final = listed(
    # writing and its marks
    "spell spelled spelling spellings spelt misspell misspelled misspelling typo typos grammar grammatical grammatically"
    " proofread proofreading punctuate punctuated punctuation comma commas semicolon semicolons colon colons apostrophe"
    " apostrophes hyphen hyphens hyphenate hyphenated dash dashes quote quotes quoted quotation bracket brackets parenthesis"
    " parentheses exclamation ellipsis asterisk asterisks underscore underscores accent accents accented diacritic diacritics"
    " umlaut ligature ligatures typography typographic typeface font fonts kerning orthography"
    # case
    " capital capitals capitalize capitalise capitalized capitalised capitalization capitalisation uppercase lowercase"
    " titlecase camelcase snakecase caps casing cased"
    # characters and space
    " char chars character characters letter letters alphabet alphabetical alphabetically vowel vowels consonant consonants"
    " syllable syllables glyph glyphs whitespace whitespaces space spaces spacing blank blanks newline newlines linebreak"
    " linebreaks crlf indent indents indented indentation tab tabs tabular markdown"
    # encodings
    " unicode ascii utf codepoint codepoints encode encoded encodes encoding encodings decode decoded decodes decoding hash"
    " md sha checksum crc regex regexp regexes regular emoji emojis emoticon emoticons palindrome palindromes palindromic"
    " anagram anagrams cipher caesar rot morse braille encrypt encrypted decrypt token tokens tokenize tokenise tokenizer"
    " tokenization byte bytes homoglyph homoglyphs"
    # verbatim
    " typing mistake mistakes slip slips verbatim literally exact exactly echo repeat repeats repeated repeating copy reproduce retype"
    " transcribe transcription typed prompt prompts"
    # wording
    " wording worded word words phrase phrases phrased phrasing sentence sentences paragraph paragraphs clause clauses reword"
    " rephrase rephrased paraphrase paraphrased paraphrasing rewrite rewritten rewriting restate translate translated"
    " translates translation translations translating translator transliterate synonym synonyms antonym antonyms homophone"
    " homophones formal informal formally informally formality polite politer politest politely politeness impolite rude rudely tone"
    " tones register slang colloquial idiom idioms idiomatic contraction contractions pronounce pronounced pronunciation greeting"
    " greetings salutation courteous courtesy etiquette manners rhyme rhymes rhyming alliteration acronym acronyms"
    " abbreviation abbreviations abbreviate abbreviated noun nouns verb verbs adjective adjectives adverb adverbs pronoun"
    " pronouns preposition prepositions plural tense stylistic stylometry"
)
"""Words that make the text's own form its subject: then nothing is touched but the outer blank."""

RAW: Final = listed(
    "whitespace whitespaces space spaces spacing blank blanks newline newlines linebreak linebreaks crlf indent indents indented"
    " indentation tab tabs trailing leading byte bytes length hash md sha checksum crc verbatim exact exactly char chars"
    " character characters count"
)
"""Words that make even the outer blank count."""

UTTERANCES: Final = listed(
    "say says said saying mean means meaning meant call calls called headline headlines caption captions slogan slogans"
    " tagline taglines subject banner banners sign signs label labels motto speech mail email emails message messages text texts"
    " texting tweet tweets reply replies replied respond response responses quip greet greets begin begins beginning start"
    " starts starting end ends ending finish finishes continue continues complete completes completed follow follows followed"
    " shout shouts note line lines item items print prints printed printing output outputs display displays displayed status bio body"
    " poster posters shirt shirts mug mugs cake cakes graffiti sticker stickers chant joke proverb meme adage lyric banner invitation"
    " aloud remind reminder"
)
"""Words behind which an utterance may stand without quotation marks."""

WORKS: Final = listed(
    "title titles titled entitled name names named song songs sing sings sang sung singer lyric lyrics album albums single band"
    " bands tune musical movie movies film films sitcom episode episodes series cast starred starring actor actress director"
    " directed novel novels author authors wrote poem poems poet comedy drama comic cartoon anime manga chapter memoir opera"
    " podcast magazine brand startup app website show released performed recorded hit track playlist play game"
)
"""Words of works and things whose names look like ordinary words: Thanks, Help!, Hello, I'm Yours."""

_TONGUES: Final = listed(
    "spanish french german italian japanese chinese korean portuguese dutch russian arabic hindi latin english norwegian swedish danish"
    " polish turkish greek welsh irish hebrew swahili czech hungarian thai vietnamese urdu finnish icelandic catalan tamil bengali"
    " persian farsi tagalog malay indonesian ukrainian romanian bulgarian croatian serbian slovak esperanto yiddish mandarin cantonese"
    " klingon elvish scots gaelic"
)

COURTESIES: Final = (
    listed(
        "thank thanks please cheers hello hi hey goodbye bye welcome sorry apology apologize apologise kindly gratitude thankful"
        " language languages toast pub waiter"
    )
    | _TONGUES
)
"""Courtesy as the subject, or the language it is to be said in."""

_TELLING: Final = listed(
    "create design make generate put tell tells ask asks write writes inform notify warn assure promise draft answer"
)
_TO_OTHERS = re.compile(
    r"\b(?:tells?|asks?|writes?|inform|notify|warn|assure|promise|draft|answer) (?:(?:a|an|the|my|our) (?:card|note|letter|memo|post) )?(?:to |for )?"
    r"(?:him|her|them|my|our|his|their|everyone|everybody|people|the (?:team|staff|customers?|users?|world|boss|waiter|nurses?|teacher))\b"
    r"|\b(?:write|draft|create|design|make|generate) (?:me )?(?:an? |the )?(?:\w+ )?(?:card|letter|note|memo|speech|toast|post|flyer|cup)\b"
    r"|\b(?:write|put|tell|ask) (?:on|at|in|under|a man|a woman|a child|a waiter)\b|\btell me (?:i|you|we|that i|that you)\b"
)


def speaks_to_others(words: frozenset[str], text: str) -> bool:
    """Tell whether something is to be said to somebody else, so that what follows may be what is said."""
    return not _TELLING.isdisjoint(words) and _TO_OTHERS.search(text.lower()) is not None


EDGES: Final = UTTERANCES | WORKS | COURTESIES
"""With one of these a courtesy at the edge may be a name, an item or an utterance."""

TRANSFORMS: Final = listed(
    "classify classifies classifier sentiment extract extracts parse parses correct corrects correction edit edits editor"
    " fix fixes summarize summarise summarizes shorten expand continue completion autocomplete complete moderate moderation"
    " label labels rate score tag detect detection identify input diff"
)
"""What instructions beside a text say when they make the text their payload."""

_CASE_SORTS: Final = listed("upper lower title camel snake kebab pascal sentence sensitive insensitive")
_PAIRS: Final = (
    "as is",
    "as-is",
    "line break",
    "line ending",
    "line feed",
    "code point",
    "word for word",
    "full stop",
    "question mark",
)
_IN_PAIRS: Final = listed("as line code word full question")
_ITSELF: Final = listed("line question text message input query string statement request post chat instruction")
_SPEECH: Final = listed(
    "write wrote written writing type typed say said ask asked asking talk talked talking chatting speak spoke spoken shout shouted"
    " shouting sound seem greet greeted thank thanked address addressed told tell put press pressed forgot send sends sent gave treat"
    " style manner manners personality mood voice nice rude kind friendly angry begin began open close call sends"
)
_OWN_SPEECH = re.compile(
    r"\b(?:i|we)(?:'ve|'m)? (?:(?:have|am|was|just|did|only|first|last|being|been|so|too|really) )*(?:wrote|writing|written|typed|said|"
    r"ask(?:ed|ing)|talk(?:ed|ing)|sp(?:oke|oken)|shout(?:ed|ing)|greet(?:ed)?|thank(?:ed)?|address(?:ed)?|told|press(?:ed)?|forgot|nice|rude|"
    r"kind|friendly|angry|(?:sen[dt]|g[ai]ve|tell|treat|call) (?:it |this )?(?:to )?you|(?:begin|beg[au]n|open|close) with)\b|"
    r"\b(?:did|do|am|how|as|what|when|way|which|that|if) i (?:just |only )?(?:sound|seem|type|ask|talk|speak|shout|press)\b|"
    r"\b(?:how|as|what|when|way|everything|did|if|that|should) i (?:just )?(?:write|say|put)\b|\bsends? you this\b|"
    r"\b(?:my|own|same|this) (?:style|manners?|personality|mood|voice|way of)\b"
)
_OF_ITSELF = re.compile(
    r"(?:this|my) (?:is )?(?:an? )?(?:line|question|text|message|input|query|string|statement|request|post|chat|instruction)\b"
)
_BARE_THIS = re.compile(
    r"\bthis(?= (?:"
    + "|".join(sorted(FUNCTION - {"no"}))
    + r"|sounds?|looks?|seems?|reads?|means?|better|worse|nicer|clear\w*|short\w*|back\w*"
    r"|over|up|out|down|here|again|more|less)\b|[.,?!;]|\W*\Z)"
)
_IN_TONGUE = re.compile(rf"\b(?:in|into|to|from|the) (?:{'|'.join(sorted(_TONGUES))})(?: for\b|\W|\Z)")
_INSTRUCTIONS: Final = listed("prompt prompts instruction instructions system verbatim preamble")
_BELOW: Final = listed("following below beneath underneath")


def speaks_of_form(words: frozenset[str], lowered: str) -> bool:
    """Tell whether a text (its words, and itself in lower case) makes its own surface its subject."""
    if not FORM.isdisjoint(words) or ("case" in words and not _CASE_SORTS.isdisjoint(words)):
        return True
    if not _IN_PAIRS.isdisjoint(words) and any(pair in lowered for pair in _PAIRS):
        return True
    if not _SPEECH.isdisjoint(words) and (_OWN_SPEECH.search(lowered) or ("i" in words and " to you" in lowered)):
        return True  # "what did I just type", "how do I sound to you"
    return not _ITSELF.isdisjoint(words) and _OF_ITSELF.search(lowered) is not None


def points_at_itself(words: frozenset[str], text: str) -> bool:
    """Tell whether part of a text without payload may be: "make this sound better", "I am late in Dutch"."""
    if "this" in words and _BARE_THIS.search(text.lower()):
        return True
    return not _TONGUES.isdisjoint(words) and _IN_TONGUE.search(text.lower()) is not None


def speaks_of_blanks(words: frozenset[str]) -> bool:
    """Tell whether even blanks around the text may count."""
    return not RAW.isdisjoint(words)


def is_about_instructions(words: frozenset[str]) -> bool:
    """Tell whether a user's text may ask for the instructions themselves: then every character of them counts."""
    return not _INSTRUCTIONS.isdisjoint(words)


def points_below(words: frozenset[str]) -> bool:
    """Tell whether a text announces payload: without a visible mark nobody knows where that begins."""
    return not _BELOW.isdisjoint(words)


def is_payload_of(instructions: str) -> bool:
    """Tell whether instructions (a system prompt) make what stands beside them a text to work on."""
    lowered = instructions.lower()
    words = words_of(lowered)
    return not TRANSFORMS.isdisjoint(words) or speaks_of_form(words, lowered)
