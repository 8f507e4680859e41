"""The only room that knows Redis: the embedded engine, one multiplexed connection, and its scripts.

From the process up: ``engine`` and ``engines`` start the private Valkeys; ``locate`` finds the server behind a URL, Sentinels or
a cluster's nodes, ``fitness`` refuses one that must not hold budgets; ``connection`` is one connection, ``shard`` keeps one alive
and runs ``scripts`` on it, with a ``breaker`` and a ``clock``; ``store`` knows which shard has an org's keys. On these stand the
two ports: ``meters`` (with the ``allowance`` for when the store is away) and ``settler``. What is counted, and when, is told in ``scripts/*.lua`` and nowhere else.
``answers`` is the cache, on a ``Store`` of its own that may evict; a ``subscription`` hears what its other workers have found.

Every failure that leaves this room is a ``StoreAway``.
"""
