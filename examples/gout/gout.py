"""The smallest simulated disease. Loaded because it lies beside gout.toml; every number is invented."""

from libra_core.advisors.guideline import Rules, TherapyStep, add_rules
from libra_core.arrays import Bools
from libra_core.cases import Case
from libra_core.clinical import Protocol
from libra_core.cohort import Cohort
from libra_core.environments.base import register
from libra_core.environments.disease import Affine, Disease


@register
class Gout(Disease):
    """Invented adults with gout; uric acid after three months."""

    name, label = "gout", "Gout, simulated response"
    sigma = 0.8

    def expected(self, protocol: Protocol, code: str) -> Affine:
        fall = Affine(protocol)
        if code == "allopurinol":
            fall.constant(2.0)
            fall.state("urate", 0.3, centre=8.0)
        fall.change("beer_week", -0.1)
        return fall

    def memberships(self, cohort: Cohort) -> dict[str, Bools]:
        urate = cohort.protocol.columns(cohort.values)["urate"]
        return {"below 8 mg/dL": urate < 8, "8 mg/dL or more": urate >= 8}


def step(case: Case) -> TherapyStep:
    return TherapyStep(("allopurinol",), "Above goal", "invented")


add_rules("gout", Rules(step, lambda case: ["beer_week"], "invented"))
