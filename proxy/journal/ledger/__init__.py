"""The ledger: rows of all machines in one PostgreSQL, for reports. Never on the way of a call.

``calls.db`` is the outbox. A shipper reads what lies behind its position (``outbox``), sends it (``upsert``) and saves the
position after the commit; the key (request id, attempt) makes at-least-once delivery exact. A final row replaces a swept
one of any machine, and nothing replaces a final one. What the ledger lacks waits in the file for as long as it is away.

``columns`` is the one definition of a row's table, for SQLite, PostgreSQL and the queries of reports.
"""
