"""What an advisor has earned with LIBRA, in sentences for a clinician."""

from __future__ import annotations

import math

from libra_core.advisors import kinds
from libra_core.cohort import Cohort
from libra_core.policies.counsel import Trust
from libra_core.report.wording import advisor, treatment

TELLING = 1.5  # odds that say something
MOST = 1000  # beyond it odds are "more than": nobody reads more into them
NOTABLE = 4.0  # an advisor that names an arm so many times more, or less, often than patients' facts explain
HARDLY, NEARLY = 0.05, 0.95


def who(found: Trust) -> str:
    """The advisor as pages name it."""
    name = found.advisor.removeprefix("simulated:")
    if name in kinds():
        return kinds()[name].label
    said = advisor(name)
    return said[:1].upper() + said[1:]


def sentences(cohort: Cohort, found: Trust) -> tuple[str, ...]:
    """The account of one advisor: what it has earned, its questions, how often it is followed, its leaning."""
    if not found.asked:
        return "Not asked yet.", _followed(found)
    if not any(found.liking):  # every answer moves it
        return f"{_asked(found)} No usable answer has come so far.", _limit(found)
    said = (_earned(found), f"{_asked(found)} {_limit(found)}", _followed(found), _leaning(cohort, found))
    return tuple(text for text in said if text)


def _earned(found: Trust) -> str:
    """exp(nats) as odds that what was advised foretells outcomes."""
    if found.ended:
        return (
            "Outcomes have twice contradicted what it taught, so nothing more is learned from its answers; they are "
            "followed as far as outcomes bear them out."
        )
    odds = math.exp(min(abs(found.nats), math.log(MOST) + 1.0))
    to_one = f"more than {MOST:,} to 1" if odds > MOST else f"{odds:,.0f} to 1" if odds >= 2 else f"{odds:.1f} to 1"
    if found.nats < math.log(TELLING):
        against = f": so far they speak against it {to_one}" if found.nats <= -math.log(TELLING) else ""
        return f"Outcomes have not yet borne out what it taught{against}."
    led = ", so plans follow outcomes and advice together" if found.leads else ""
    return f"Outcomes so far favour what it taught {to_one}{led}."


def _asked(found: Trust) -> str:
    return "Asked once." if found.asked == 1 else f"Asked {found.asked:,} times."


def _limit(found: Trust) -> str:
    """The budget grows with the squared logarithm of time."""
    if not found.left:
        return "No question is left until more patients have come."
    return f"Up to {found.left:,} more question{'s' * (found.left > 1)} by now; the limit grows ever more slowly."


def _followed(found: Trust) -> str:
    """Trust is the probability that the next plausible answer is followed."""
    if found.trust < HARDLY:
        return "When it is asked, hardly any of its answers is followed now."
    if found.trust > NEARLY:
        return "When it is asked, nearly all of its plausible answers are followed now."
    share = max(1, min(9, round(10 * found.trust)))
    part = "half" if share == 5 else f"{share} in 10"
    return f"When it is asked, about {part} of its plausible answers are followed now."


def _leaning(cohort: Cohort, found: Trust) -> str:
    """The strongest liking, where it is notable."""
    arm = max(range(len(found.liking)), key=lambda k: abs(found.liking[k]))
    if abs(found.liking[arm]) < math.log(NOTABLE):
        return ""
    often = "more" if found.liking[arm] > 0 else "less"
    named = f"It names “{treatment(cohort, arm)}” {often} often than patients' facts explain"
    return f"{named}: LIBRA does not take that for knowledge."
