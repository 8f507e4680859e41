"""Metrics and logs. Labels come from closed sets only; no prompt, no key, no person.

A worker: ``MetricFiles(directory, slot)`` → ``Accumulator`` → ``CallGauge`` with a ``logs.setup()`` and ``labels.Known``, and
a ``Heartbeat`` that flushes. The supervisor: ``files.prepare`` once, ``files.forget`` after a worker's death,
``files.render`` for ``/metrics``.
"""
