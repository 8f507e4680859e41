"""``tallygate policy schema``: what an editor needs to complete and check policy files while they are written."""

from __future__ import annotations

import json

import typer


def schema() -> None:
    """Print the JSON Schema of policy files.

    Example: `tallygate policy schema > policies/.schema/policy.json`, and as the first line of a file
    `# yaml-language-server: $schema=.schema/policy.json`
    """
    from proxy.policy.documents.schema import json_schema  # noqa: PLC0415 - other commands start faster without it

    typer.echo(json.dumps(json_schema(), indent=2))
