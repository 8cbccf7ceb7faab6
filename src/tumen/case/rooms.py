"""Cross-checks of the files that the rooms of the middle floor brought: loading, account, front, judge.

Takes a read case; adds their faults to the same list, so that `check` names everything at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tumen.case.faults import Faults

if TYPE_CHECKING:
    from tumen.case.folder import Case


def check(case: Case, faults: Faults, warnings: list[str]) -> None:
    """Every check of every room."""
    ids = {s.id for s in case.sources}
    _check_known(case, faults)
    if case.loading is not None:
        from tumen.case.loading import check_loading

        check_loading(case.loading, ids, faults)
    if case.transfers or case.prices is not None:
        from tumen.case.account import check_account

        check_account(case.transfers, case.prices, ids, faults)
    if case.front is not None:
        from tumen.case.front import check_front

        check_front(case.front, ids, faults)
    if case.trades is not None or case.indicators or case.responses is not None:
        from tumen.case.judge import check_judge

        published = {s.id: s.published for s in case.sources}
        check_judge(
            case.trades, case.indicators, case.responses, ids, faults,
            as_of=case.settings.as_of, published=published, outcomes=case.outcomes,
        )  # fmt: skip


def _check_known(case: Case, faults: Faults) -> None:
    """Nothing may be published after the day of the case itself: it would never be read, and a slip of the year would hide."""
    dated: list[Any] = [*case.transfers, *case.indicators]
    if case.prices is not None:
        dated += case.prices.price
    if case.front is not None:
        dated += [*case.front.stock, *case.front.flow, *case.front.demand, *case.front.check]
    for record in dated:
        if record.published is not None and record.published.first() > case.settings.as_of:
            words = f"{record.published} is after the day of the case, {case.settings.as_of}"
            faults.add(record.at, "published", words, "an earlier day, or a later as_of in case.toml")
