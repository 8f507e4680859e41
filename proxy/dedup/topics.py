"""What a text may speak of so that its own surface is content: spelling, wording, courtesy, titles.

"How many letters has this?" makes every letter payload. The lists err on the side of silence: a word too many costs a miss.
What is asked here is answered by "", which is no, or by the words that it was seen by, quoted: the reason for whoever asks.
"""

from __future__ import annotations

import re
from typing import Final

from proxy.dedup.words import FUNCTION, listed, quoted

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
    " shorten shortened shortening keyboard keyboards flush transcribe transcription dictation corrected typed typewriter typewriters typist typists keystroke keystrokes prompt prompts"
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
    " indentation tab tabs trailing leading byte bytes length hash md sha checksum crc verbatim exact exactly empty hit keyboard flush char chars"
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
    " aloud remind reminder reads tells told texted typed press presses pressed writes wrote written writing scribble scribbled post posts"
    " posted posting answer answers answered answering dictate dictates dictated dictation asks asked asking comment comments commented"
    " tweets tweeted mailed emailed sends sent remark remarks remarked mention mentions mentioned stated declare declares declared"
    " announce announces announced claim claims claimed admit admits admitted joked jokes joking insist insists insisted whisper whispers"
    " whispered mutter mutters muttered murmur murmured yell yells yelled scream screams screamed cry cries cried exclaim exclaims exclaimed"
    " hiss hissed sigh sighed snap snapped boast boasted brag bragged complain complains complained confess confessed protest protested pray"
    " prays preach swear swears swore sworn curse cursed threaten threatens threatened congratulate insult insulted compliment tease teased"
    " hint hints hinted imply implies implied recite recites vow vows vowed pledge teach teaches voicemail telegram postcard postscript"
    " footnote testimony testified inscription inscribed engrave engraved engraving plaque tombstone gravestone headstone billboard badge"
    " tattoo tattooed stitched embroidered carved"
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
        " language languages toast pub waiter approve approves asking order orders ordering offended aggressive sarcastic sarcasm"
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


def speaks_to_others(words: frozenset[str], text: str) -> str:
    """Tell whether something is to be said to somebody else, so that what follows may be what is said."""
    return "" if _TELLING.isdisjoint(words) else _seen(_TO_OTHERS, text.lower())


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
    "empty line",
    "hit the",
    "hit return",
    "hit enter",
)
_IN_PAIRS: Final = listed("as line code word full question empty hit")
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
_COMMON_VERBS: Final = listed(
    "can could should would will might must may do does did have had am was get got need want know think feel use find make go"
)
"""What "how I" and "what I" go on with where more than this very text is meant."""
_SPEAKER = re.compile(
    rf"\b(?:how|as|what|way) i (?!(?:{'|'.join(sorted(_COMMON_VERBS))})\b)[a-z]|\b(?:as i am|am i from|take me for)\b"
    r"|\bi (?:paste|hand|whisper|break it|cut short|leave it at|let you|start|end|(?:\w+ )?(?:sound|seem|come (?:over|across)))\b"
)
_OF_ITSELF = re.compile(
    r"(?:this|my) (?:is )?(?:an? )?(?:line|question|text|message|input|query|string|statement|request|post|chat|instruction)\b"
)
_BARE_THIS = re.compile(
    r"\bthis(?= (?:"
    + "|".join(sorted(FUNCTION - {"no"}))
    + r"|sounds?|looks?|seems?|reads?|means?|fine|okay|good|right|correct|acceptable|true|better|worse|nicer|clear\w*|short\w*|back\w*"
    r"|over|up|out|down|here|again|more|less)\b|[.,?!;]|\W*\Z)"
)
_IN_TONGUE = re.compile(rf"\b(?:in|into|to|from|the) (?:{'|'.join(sorted(_TONGUES))})(?: for\b|\W|\Z)")
_INSTRUCTIONS: Final = listed("prompt prompts instruction instructions system verbatim preamble")
_BELOW: Final = listed("following below beneath underneath")


_MAY_BE_OF_FORM: Final = FORM | {"case", "i"} | _IN_PAIRS | _SPEECH | _ITSELF


def speaks_of_form(words: frozenset[str], lowered: str) -> str:
    """Tell whether a text (its words, and itself in lower case) makes its own surface its subject."""
    if _MAY_BE_OF_FORM.isdisjoint(words):
        return ""
    if not FORM.isdisjoint(words):
        return quoted(FORM & words)
    if "case" in words and not _CASE_SORTS.isdisjoint(words):
        return quoted({"case"} | (_CASE_SORTS & words))
    if not _IN_PAIRS.isdisjoint(words) and (pairs := [pair for pair in _PAIRS if pair in lowered]):
        return quoted(pairs)
    if not _SPEECH.isdisjoint(words):  # "what did I just type", "how do I sound to you"
        if seen := _seen(_OWN_SPEECH, lowered):
            return seen
        if "i" in words and " to you" in lowered:
            return quoted(("i", "to you"))
    if "i" in words and (seen := _seen(_SPEAKER, lowered)):  # "as starchy as I am", "whether I would sound Indian"
        return seen
    return "" if _ITSELF.isdisjoint(words) else _seen(_OF_ITSELF, lowered)


def points_at_itself(words: frozenset[str], text: str) -> str:
    """Tell whether part of a text without payload may be: "make this sound better", "I am late in Dutch"."""
    if "this" in words and (seen := _seen(_BARE_THIS, text.lower())):
        return seen
    return "" if _TONGUES.isdisjoint(words) else _seen(_IN_TONGUE, text.lower())


def speaks_of_blanks(words: frozenset[str]) -> str:
    """Tell whether even blanks around the text may count."""
    return "" if RAW.isdisjoint(words) else quoted(RAW & words)


def is_about_instructions(words: frozenset[str]) -> bool:
    """Tell whether a user's text may ask for the instructions themselves: then every character of them counts."""
    return not _INSTRUCTIONS.isdisjoint(words)


def points_below(words: frozenset[str]) -> str:
    """Tell whether a text announces payload: without a visible mark nobody knows where that begins."""
    return "" if _BELOW.isdisjoint(words) else quoted(_BELOW & words)


def is_payload_of(words: frozenset[str], lowered: str) -> str:
    """Tell whether instructions (a system prompt; its words, and itself in lower case) make what stands beside payload."""
    return speaks_of_form(words, lowered) if TRANSFORMS.isdisjoint(words) else quoted(TRANSFORMS & words)


def _seen(pattern: re.Pattern[str], lowered: str) -> str:
    found = pattern.search(lowered)
    return quoted((found.group().strip(),)) if found else ""
