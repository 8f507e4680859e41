"""One file per verb. To add one: write its file and put it into ``VERBS``."""

from proxy.policy.rules.budget import BudgetRule

VERBS = (BudgetRule,)
