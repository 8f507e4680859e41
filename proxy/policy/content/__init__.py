"""Content rules: find secrets and personal data in texts, put placeholders in their place, and put the values back.

=====================  ================================================================================================
detector               one thing worth finding: a regex, a hint, a check
checks_*, iban         what a regex cannot tell: check digits, entropy, checksums, placeholders for passwords
pack, pack_*           the curated detectors, as tables
own                    a company's detectors out of its YAML
choice                 ``find: [secrets, pii.email]`` into detectors
regex_tree, facts      what a regex promises before it runs: texts it needs, how its matches begin
scanner, findings      text in, findings out, and which of overlapping ones stands
placeholder, vault     what stands in a value's place, and the values of one request
json_text              values inside JSON source: read there, and written so that it stays JSON
ruling, contents       what the rules about a call make of findings, and all detectors of a generation
outcome                findings as the rest of the house speaks: refusals, warnings, the trace
restore                values back into an answer, in streams too
slices, long_texts     the same over texts that are long together, a slice at a time
answers                the scanner for answers that arrive piece by piece
escaped_answers        the same where escapes stand in them
base64_text            what is media in base64, and what is text
escapes                escapes of characters in source text as they mean
strings                the strings of a JSON body: read them, replace some, leave every other byte alone
=====================  ================================================================================================

Nothing here may show what was found: findings are places and names, a vault's repr is its size.
"""
