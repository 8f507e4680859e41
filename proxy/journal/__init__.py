"""The record of every call: rows first, counters after. Losing the store loses nothing that is written here."""
