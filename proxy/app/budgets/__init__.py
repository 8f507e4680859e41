"""Budgets for their operators, from outside of the proxy: how they stand, and what is changed in them by hand."""
