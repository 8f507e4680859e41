"""Everything the walk asks of the world.

The pipeline sees only these shapes; ``app`` gives it the rooms that have them. An implementation turns foreign
exceptions into ours (``domain.errors``) at its own door.
"""

from proxy.ports.caller import Headers, Reply, Request
from proxy.ports.counting import Meters, Repeats, Settler, Usage
from proxy.ports.life import DRAINING, Clock, Later, NewId
from proxy.ports.providers import Answer, Body, Catalog, KeySets, OnSent, Permit, Permits, Wire
from proxy.ports.reuse import Answers, Lead
from proxy.ports.telling import Books, Gauge, Lookups, Notices

__all__ = [
    "DRAINING",
    "Answer",
    "Answers",
    "Body",
    "Books",
    "Catalog",
    "Clock",
    "Gauge",
    "Headers",
    "KeySets",
    "Later",
    "Lead",
    "Lookups",
    "Meters",
    "NewId",
    "Notices",
    "OnSent",
    "Permit",
    "Permits",
    "Repeats",
    "Reply",
    "Request",
    "Settler",
    "Usage",
    "Wire",
]
