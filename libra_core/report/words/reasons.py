"""Why a plan was chosen, in a sentence for a clinician."""

from __future__ import annotations

from libra_core.certainty import Certainty
from libra_core.policies import Reason
from libra_core.summary import PlanSummary

LITTLE_AT_STAKE = "Treatment is not due yet, so a fall counts little here: too little is at stake to ask the advisor."
WHY = {
    Reason.OPTIMISTIC: "It is the option that could turn out best, given what has been learned.",
    Reason.NO_ADVICE: "The method was unsure and asked the advisor, but no usable advice came.",
    Reason.RULED_OUT: "The method was unsure and asked the advisor. From what it has learned so far, its own "
    "plan looks better than the advice.",
    Reason.UNINFORMATIVE: "The method asked the advisor. The advice is plausible, but would teach nothing.",
    Reason.ADOPTED: "The method was unsure and asked the advisor. The advice is plausible, so it is followed.",
    Reason.CONTROL: "The method asked the advisor, but withholds the advice: a control round of the trial.",
    Reason.DISMISSED: "The advisor did worse than the method in a fair comparison and is no longer asked.",
    Reason.BUDGET: "The method is unsure, but the agreed number of questions to the advisor has been reached.",
    Reason.ADVISOR: "This method follows its advisor.",
    Reason.SAMPLED: "It is the best option under one plausible reading of what has been learned.",
    Reason.RANDOM: "Drawn at random, for comparison.",
    Reason.TRUTH: "The best plan under the true simulated model: a reference, not available in practice.",
    Reason.LED: "It is the best option by what outcomes and advice have taught together: outcomes have borne the "
    "advice out.",
    Reason.DOUBTED: "The method was unsure and asked the advisor. The advice is plausible, but advice is followed only "
    "as often as outcomes have borne it out so far, and not this time.",
    Reason.UNEARNED: "The method is unsure, but the advisor has not yet earned another question.",
}
NOT_ASKED = {
    Certainty.LITTLE: "The method's own bounds are narrow here, so the advisor was not asked.",
    Certainty.OPEN: "The effect is known well enough not to ask the advisor; another option may still be as good.",
    Certainty.CLEAR: "What has been learned is precise enough for this patient, so the advisor was not asked.",
}


def why(shown: PlanSummary) -> str:
    """The reason for this plan. Only a plan that is clearly ahead is called known precisely enough."""
    if shown.reason is Reason.CERTAIN:
        return LITTLE_AT_STAKE if shown.price.weight < 1 else NOT_ASKED[shown.certainty or Certainty.LITTLE]
    return WHY[shown.reason] if shown.reason else ""
