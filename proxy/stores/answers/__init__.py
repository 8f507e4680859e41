"""Stored answers and who is about to find one: the ``Answers`` port, on a cache that may evict, fail or be flushed.

``spots`` names the keys, ``coding`` packs entries, ``shelf`` runs the scripts (``scripts/lookup.lua`` and those beside it),
``flight`` has those of this process who wait for one answer, ``lead`` is the duty to find it, and ``asking`` is the port.
``scripts/generation.lua`` tells how a scope or an org is emptied at once, and ``flushed`` how workers hear of it.
"""
