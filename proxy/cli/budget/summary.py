"""What a change of a budget means, before it is written and after."""

from __future__ import annotations

from proxy.app.budgets.house import House
from proxy.app.budgets.standing import Budget
from proxy.cli.budget.view import dollars, owner, resets
from proxy.domain.amendment import Amendment, AmendmentKind


def before(budget: Budget, written: Amendment) -> str:
    """All that somebody should know who is asked whether it is meant."""
    stands, amount = budget.stands, written.amount_nusd
    is_grant = written.kind is AmendmentKind.GRANT
    what = f"{'grant' if amount > 0 else 'take back'} {dollars(abs(amount))}"
    if not is_grant:
        what = f"count {dollars(abs(amount))} {'more' if amount > 0 else 'less'} as spent"
    lines = [
        f"{budget.rule.id} of {owner(budget)}: {what}",
        f"  now     {_figures(budget, stands.granted, stands.spent)}",
        f"  then    {_figures(budget, stands.granted + amount * is_grant, stands.spent + amount * (not is_grant))}",
        f"  until   {resets(budget) if budget.period.end else 'it is taken back: this budget never resets'}",
        f"  by      {written.by}" + (f" (account {written.account})" if written.account != written.by else ""),
        f"  reason  {written.reason}",
    ]
    remarks = [budget.whom.remark] if budget.whom.remark else []
    if budget.wish.mode != "enforce":
        remarks.append(f"the rule is in mode {budget.wish.mode} and refuses nobody")
    if not any(stands) and budget.per == "model":
        remarks.append("nothing was spent there in this period; is the model named as callers name it?")
    return "\n".join([*lines, *(f"  note    {remark}" for remark in remarks)])


def after(house: House, budget: Budget, written: Amendment) -> str:
    """It is counted; how to see it, and whether others should know."""
    others = (
        ""
        if house.settings.store.embedded
        else " Every proxy of this store goes by it; the log of it is on this machine."
    )
    return f"Done: {budget.rule.id} of {owner(budget)}. `tallygate budget log` shows it as {written.id}.{others}"


def _figures(budget: Budget, granted: int, spent: int) -> str:
    ceiling = budget.wish.limit + granted
    left = max(0, ceiling - spent - budget.stands.held)
    more = [(budget.grace, "grace"), (budget.wish.granted, "granted by file"), (granted, "granted")]
    told = "".join(f" + {dollars(amount)} {what}" for amount, what in more if amount)
    held = f", {dollars(budget.stands.held)} held" if budget.stands.held else ""
    return f"limit {dollars(budget.limit)}{told}; {dollars(spent)} spent{held}; {dollars(left)} left"
