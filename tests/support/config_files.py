"""Configuration files to read in tests, as users write them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

Write = Callable[[str], Path]

DIRECTORY = """\
# Who is who.
org: acme
teams:
  growth:   { department: marketing, projects: [crm, site] }
  platform: { projects: [gateway] }
groups: [batch]
users:
  ann@acme.example: { team: growth }
  bot@acme.example: { team: platform, groups: [batch] }
keys:   # issued by `tallygate keys issue`
  - { id: key_1, digest: "sha256:0000000000000000000000000000000000000000000000000000000000000001", user: ann@acme.example, project: crm }  # Ann's laptop

# where code lives
repos:
  git.acme.example/growth/site: site
"""
