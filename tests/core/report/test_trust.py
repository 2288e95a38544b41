"""What an advisor has earned, in words; and that every reason has its sentence."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from libra_core.cohort import load_cohort
from libra_core.policies import Reason
from libra_core.policies.counsel import Trust
from libra_core.report.words.reasons import WHY
from libra_core.report.words.trust import sentences, who
from libra_core.study import LiveRun

NHANES = load_cohort("nhanes")
ARMS = len(NHANES.protocol.treatments)
SOME = Trust("guideline", 52, 30, 0.9, math.log(20), False, False, (0.1,) * ARMS)


def said(**changes: object) -> str:
    return " ".join(sentences(NHANES, replace(SOME, **changes)))  # type: ignore[arg-type]


def test_every_reason_has_a_sentence() -> None:
    assert set(WHY) == set(Reason) - {Reason.CERTAIN}  # which says how certain
    assert all(text.endswith(".") and text[0].isupper() for text in WHY.values())


def test_the_account_of_a_good_advisor() -> None:
    assert sentences(NHANES, SOME) == (
        "Outcomes so far favour what it taught 20 to 1.",
        "Asked 52 times; 30 more questions are allowed for now.",
        "When it is asked, about 9 in 10 of its plausible answers are followed now.",
    )
    assert "20 to 1, so plans follow outcomes and advice together." in said(leads=True)


@pytest.mark.parametrize(
    ("nats", "words"),
    [
        (0.0, "Outcomes have not yet borne out what it taught."),
        (-0.2, "Outcomes have not yet borne out what it taught."),
        (-math.log(16), "Outcomes have not yet borne out what it taught: so far they speak against it 16 to 1."),
        (math.log(1.6), "favour what it taught 1.6 to 1."),
        (math.log(1000), "favour what it taught 1,000 to 1."),
        (9.0, "favour what it taught more than 1,000 to 1."),
        (4000.0, "favour what it taught more than 1,000 to 1."),
    ],
)
def test_nats_are_said_as_odds(nats: float, words: str) -> None:
    assert words in said(nats=nats)


@pytest.mark.parametrize(
    ("trust", "words"),
    [(0.0, "hardly any"), (0.06, "about 1 in 10"), (0.5, "about half"), (0.94, "about 9 in 10"), (1.0, "nearly all")],
)
def test_how_often_it_is_followed(trust: float, words: str) -> None:
    assert f"When it is asked, {words} of its" in said(trust=trust)


def test_its_strongest_leaning_is_told_where_it_is_notable() -> None:
    names = [t.label for t in NHANES.protocol.treatments]
    assert "names" not in said()
    assert f"“{names[2]}” more often than patients' facts explain" in said(liking=(0.0, 1.0, 1.5, *(0.0,) * (ARMS - 3)))
    assert f"“{names[1]}” less often than patients' facts explain" in said(liking=(0.5, -1.5, *(0.0,) * (ARMS - 2)))


def test_what_has_no_answer_has_no_verdict() -> None:
    assert said(asked=0, liking=(0.0,) * ARMS).startswith("Not asked yet.")
    silent = said(asked=77, liking=(0.0,) * ARMS)
    assert silent.startswith("No usable answer has come so far. Asked 77 times;")
    assert "followed" not in silent
    assert "Asked once; 1 more question is allowed for now." in said(asked=1, left=1)
    assert "the next question is allowed when more patients have come." in said(left=0)
    assert "nothing more is learned from its answers" in said(ended=True)


@pytest.mark.parametrize(
    ("advisor", "labels"),
    [
        ("near-optimal", ["Simulated expert, nearly always right"]),
        ("noisy:0.7", ["A simulated advisor who names a random treatment in 70% of cases"]),
        ("guideline+recorded", ["Guideline rules", "Language model (recorded answers)"]),
    ],
)
def test_each_advisor_of_a_run_has_its_account_and_its_name(advisor: str, labels: list[str]) -> None:
    run = LiveRun.start(NHANES, advisor=advisor)
    for _ in range(12):
        run.step()
    assert [who(each) for each in run.trusts] == labels
    assert all(sentences(NHANES, each) for each in run.trusts)
    assert sum(each.asked for each in run.trusts) == run.policy.calls[0]
    assert not LiveRun.start(NHANES, "libra", advisor).trusts
