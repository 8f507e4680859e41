"""Which requests may share an answer: equal canonical form, never similarity.

The rule of rules: instruction prose is normalised, payload is verbatim, and what cannot be told apart is payload. A text
that is not visibly English instruction prose keeps every character; so does one that speaks of its own form. A miss
costs a call to the model, a wrong hit costs trust.
"""
