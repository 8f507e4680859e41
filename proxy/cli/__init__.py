"""The ``tallygate`` command, one file per group of commands."""
