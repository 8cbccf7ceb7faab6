"""Judging and answering: how the rest of the bill is being paid, and what could be done.

`judge` takes indicators, the balance and trades.toml and gives probabilities with all that
explains them; `answer` takes these and responses.toml and gives redlines, ranked packages and
coverage; `score` takes kept judgements and outcomes and says how good they were.
"""

from tumen.assess.judge import JudgeError, judge

__all__ = ["JudgeError", "judge"]
