"""Tallygate: an LLM API proxy that counts every token, holds every budget, and shows what the usage was worth.

The house
=========

Imports only go down; ``lint-imports`` checks it. Siblings (``|``) do not know each other::

    cli  →  app  →  server  →  pipeline  →  steps  →  upstream | stores | journal | telemetry
         →  policy | dialects | metering | dedup      (pure: no I/O, no clock, no randomness)
         →  config | ports  →  domain

=============  =====================================================================================================
cli            the ``tallygate`` command, one file per group of commands
app            composition root, the only room that names concrete classes; ``trial`` and ``replay`` of policies
server         the caller's side, the only room that knows ``aiohttp.web``: listener, guards, gateway, supervisor
pipeline       the walk of a call; reads from top to bottom
steps          what the walk's steps are made of: the attempt that cannot be forgotten, the relay, the receipt
upstream       the only room with sockets to models: connection, pool, permits and breakers, and the demo stand-in
stores         the only room that knows Redis: embedded engine, multiplexed connection, ``scripts/*.lua``
journal        the record of every call in SQLite, its ordered settlement, and ``ledger``: rows of all machines in PostgreSQL
telemetry      every metric's name and label in one table; logs
policy         the decision point: facts in, decision and obligations out; ``rules/`` one file per verb; ``content``: detectors
dialects       one file per wire format: understand a request, tap usage, write an error; ``rewriting``: text inside streams
dedup          when two requests are one: canonical form, key, fingerprints; an answer told again, whole or as a stream
metering       counting, estimate, calibration, prices, cost
config         YAML into frozen values, with ``file:line:col`` on every mistake
ports          everything the walk asks of the world
domain         the words: Principal, Call, Ask, Usage, Hold, Charge, Decision, Row, errors
=============  =====================================================================================================

The life of a call
==================

A request reaches one of the workers, which share a port and nothing else. The listener has checked its framing; the
gateway answers ``/livez``, ``/v1/me`` and the like itself and hands everything else to ``Pipeline.walk``:

1. *accept*: it gets a UUIDv7 and a time; the path says which dialect speaks.
2. *identify*: the virtual key's digest is looked up in the directory. Strangers end here, before their body is read.
3. *understand*: the body is read once, strictly, beside the bytes that will be forwarded. An upload is read as far as
   that takes, and the rest only while an upstream takes it (``steps.upload``).
4. *attribute*: key, path prefix and headers say which team and project pay. Lists of models are answered here.

``failover.serve`` makes attempts, each at another upstream and each with these steps, until one answers or something
was passed on to the caller. An upstream lends a permit first: a closed breaker and a free place, or a wait in its queue.

5. *decide*: the policy sees the facts and answers yes or no, with obligations: meters that must hold first. Content rules
   look through the prompt before anything of it is held, recorded or sent (``steps.screening``).
   *reuse*: where a rule says so, the request as it would be sent is looked up (``steps.ahead``), before a permit and without
   money. A hit passes the caller's own answer rules and leaves attempt 0; else the attempt keeps what it hears for others.
6. *hold*: one script in the store holds every meter or none (``Attempt.__aenter__``).
7. *forward*: the upstream request is rebuilt from an allow-list, with our credential.
8. *meter*: the answer passes byte for byte, a tap beside it; where content rules ask for it, its text is looked through and
   redacted values come back (``steps.screened_answer``).
9. *record, then settle*: leaving the attempt, however it is left, books the row (``Attempt.__aexit__``). The journal's
   writer commits it; only then do its charges go to the store, in the journal's order. Counters are a projection of
   journals: whatever the store loses is replayed. A process of its own ships rows to the ledger, where there is one.

If the process dies in between, the hold's lease runs out, and whoever sweeps it writes the row and settles it.
"""
