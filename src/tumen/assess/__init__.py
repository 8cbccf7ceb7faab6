"""Judging and answering: how the rest of the bill is being paid, and what could be done.

`judge` takes indicators, the balance and trades.toml and gives probabilities with all that
explains them; `answer` takes these and responses.toml and gives redlines, ranked packages and
coverage; `keep` and `score` hold judgements until the truth is known and say how good they were.
"""

from tumen.assess.answers import answer
from tumen.assess.judgement import JudgeError, judge
from tumen.assess.scoring import keep, score

__all__ = ["JudgeError", "answer", "judge", "keep", "score"]
