"""YAML into frozen values, with ``file:line:col``, a caret and the nearest valid word on every mistake."""
