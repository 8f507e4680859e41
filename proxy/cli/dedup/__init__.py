"""``tallygate dedup``: how good the cache's keys are, and why two requests do or do not share one."""

from __future__ import annotations

import typer

from proxy.cli.dedup import evaluate, explain, flush

app = typer.Typer(help="Score and explain the cache's keys.", no_args_is_help=True, rich_markup_mode="markdown")


@app.callback()
def dedup_group() -> None:
    """Score and explain the cache's keys."""


app.command("eval")(evaluate.evaluate)
app.command()(explain.explain)
app.command()(flush.flush)
