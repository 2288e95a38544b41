"""Studies, live runs and the command line."""

import json
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from libra_core.__main__ import main
from libra_core.clinical import default_protocol
from libra_core.cohort import load_cohort
from libra_core.environments import EnvironmentSpec
from libra_core.policies import PolicyConfig
from libra_core.study import Cancelled, LiveRun, StudySpec, run_study
from libra_core.study.case import case_study_specs
from libra_core.study.live import live_config
from libra_core.study.metrics import Ratio, as_json, band, group_frame, regret_frame, summary_frame
from libra_core.study.store import load_case_study

SMALL = EnvironmentSpec(arms=3, d_immutable=2, d_mutable=3)


def test_chunks_and_threads_do_not_change_a_number() -> None:
    spec = StudySpec(SMALL, ("glrb", "libra"), "noisy:0.3", 120, 7, 3)
    one, two = run_study(spec, workers=1), run_study(spec, workers=3)
    for a, b in zip(one.policies, two.policies, strict=True):
        np.testing.assert_array_equal(a.regret, b.regret)
        np.testing.assert_array_equal(a.calls, b.calls)
    fewer = run_study(StudySpec(SMALL, ("glrb",), "noisy:0.3", 120, 3, 3), workers=2)
    np.testing.assert_array_equal(fewer.policies[0].regret, one.policies[0].regret[:3])


def test_progress_reaches_the_end_and_cancel_stops() -> None:
    shares: list[float] = []
    run_study(StudySpec(SMALL, ("random",), rounds=300, replicates=4), shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Cancelled):
        run_study(StudySpec(SMALL, ("random",), rounds=300, replicates=4), cancel=cancel)


def test_the_grid_holds_the_landmarks() -> None:
    assert {100, 300, 1000, 3000} <= set(StudySpec(rounds=3000).grid())
    assert StudySpec(rounds=57).grid()[-1] == 57


def test_the_hash_knows_every_setting() -> None:
    specs = [StudySpec(), StudySpec(seed=1), StudySpec(config=PolicyConfig(alpha=0.4)), StudySpec(advisor="random")]
    assert len({spec.hash for spec in specs}) == 4
    assert StudySpec().hash == StudySpec().hash


def test_summaries_hold_what_they_say() -> None:
    result = run_study(
        StudySpec(EnvironmentSpec("hypertension", cohort="accord-like"), ("glrb", "libra"), rounds=60, replicates=4)
    )
    mean, low, high = band(result.policies[0].regret)
    assert (low <= mean).all()
    assert (mean <= high).all()
    assert summary_frame(result)["regret"].iloc[0] == pytest.approx(mean[-1])
    assert set(regret_frame(result)["policy"]) == {"glrb", "libra"}
    groups = group_frame(result)
    both = groups[(groups["policy"] == "glrb") & groups["group"].isin(["women", "men"])]
    total = (both["regret_per_patient"] * both["patients_per_run"]).sum()
    assert total == pytest.approx(mean[-1], rel=0.2)  # means of ratios: near, not equal
    content = json.loads(json.dumps(as_json(result)))
    assert content["schema"] == 2
    assert content["policies"]["libra"]["advisor_calls"]["bound"] > 0
    assert content["policies"]["glrb"]["advisor_calls"]["bound"] is None


def test_final_regret_has_quantiles_and_a_paired_ratio() -> None:
    spec = StudySpec(SMALL, ("linucb", "glrb", "oracle"), rounds=60, replicates=8)
    result = run_study(spec, workers=1)
    final = {policy.name: policy.regret[:, -1] for policy in result.policies}
    policies = json.loads(json.dumps(as_json(result), allow_nan=False))["policies"]
    for name, values in final.items():
        shown = policies[name]["final_regret"]["quantiles"]
        assert list(shown) == ["5", "25", "50", "75", "95"]
        assert shown["50"] == pytest.approx(np.median(values))
        assert shown["95"] == pytest.approx(np.quantile(values, 0.95))
    row = summary_frame(result).set_index("policy").loc["linucb"]
    assert row[["median", "q05", "q95"]].tolist() == pytest.approx(np.quantile(final["linucb"], [0.5, 0.05, 0.95]))
    against = policies["linucb"]["against"]
    assert against["reference"] == "glrb"  # though it is not the first
    assert against["ratio"]["value"] == pytest.approx(final["linucb"].mean() / final["glrb"].mean())
    assert against["ratio"]["low"] < against["ratio"]["value"] < against["ratio"]["high"]
    assert against["quantiles"]["50"] == pytest.approx(np.median(final["linucb"] / final["glrb"]))
    assert policies["glrb"]["against"]["ratio"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    alone = as_json(run_study(StudySpec(SMALL, ("oracle", "random"), rounds=20, replicates=2), workers=1))
    assert alone["policies"]["random"]["against"] == {"reference": "oracle", "ratio": None, "quantiles": None}


def test_the_interval_of_a_ratio_covers_it_as_often_as_it_says() -> None:
    """Pairs with a common part: the true ratio of means is 2; 95 % nominal, 400 samples, R = 50."""
    draws, hits = np.random.default_rng(3), 0
    for _ in range(400):
        base = draws.gamma(4.0, 1.0, 50)
        found = Ratio.of(2.0 * base + draws.normal(0, 0.5, 50), base)
        hits += found.low <= 2.0 <= found.high
    assert 0.90 <= hits / 400 <= 0.98


def test_a_live_run_writes_everything_out() -> None:
    run = LiveRun.start(load_cohort("accord-like"), "libra", "guideline", seed=1)
    total = 0.0
    for t in range(1, 13):
        row = run.step()
        total += row.regret
        assert row.t == t == row.decision.round
        assert row.cumulative == pytest.approx(total)
        assert row.expected == pytest.approx(row.best - row.regret)
        assert run.patient(row.row).id == row.decision.patient
    again = LiveRun.start(load_cohort("accord-like"), "libra", "guideline", seed=1)
    assert [again.step().decision for _ in range(12)] == [row.decision for row in run.rows]
    assert run.unit == "mmHg"


@pytest.mark.parametrize("policy", ["libra", "libra-trial", "random", "thompson"])
def test_looking_does_not_change_a_live_run(policy: str) -> None:
    looked, straight = (LiveRun.start(load_cohort("accord-like"), policy, "noisy:0.3", seed=2) for _ in range(2))
    for _ in range(8):
        looked.decision_for(5)
        assert repr(looked.step()) == repr(straight.step())  # by repr: nan marks what a policy cannot say


# ---------------------------------------------------------------------------------------------- command line


def test_simulate_writes_the_stable_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "s.json"
    words = "simulate --policies linucb,libra --rounds 120 --replicates 3 --arms 3 --dimensions 2,3 --seed 4 --json"
    assert main([*words.split(), str(out)]) == 0
    content = json.loads(out.read_text())
    assert content["config"]["rounds"] == 120
    regret = content["policies"]["libra"]["regret"]
    assert {"t", "mean", "low", "high"} == set(regret)
    assert {100, 120} <= set(regret["t"])
    assert content["policies"]["libra"]["cpu_us_per_round"] > 0
    assert "Simulated outcomes" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("simulate --policies nope", "unknown policy 'nope'"),
        ("simulate --dimensions 6", "--dimensions takes two whole numbers"),
        ("simulate --rounds 0", "rounds must be between 1 and"),
        ("simulate --advisor psychic --policies libra", "unknown advisor 'psychic'"),
        ("simulate --environment hypertension --cohort missing.csv", "no cohort and no file named 'missing.csv'"),
        ("recommend --cohort accord-like --row 99999", "there is no row 99999"),
        ("cohort check missing.csv", "no cohort and no file named 'missing.csv'"),
    ],
)
def test_unusable_input_exits_2_with_a_sentence(words: str, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words.split()) == 2
    assert sentence in capsys.readouterr().err


def test_recommend_and_cohort_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "r.json"
    assert main(["recommend", "--cohort", "nhanes", "--row", "3", "--after", "20", "--json", str(out)]) == 0
    content = json.loads(out.read_text())
    assert content["simulated"] is True
    assert all({"delta", "unit"} == set(change) for change in content["changes"].values())
    assert len(content["decision"]["options"]) == 8
    assert main(["cohort", "check", "accord-like", "--json", str(out)]) == 0
    assert json.loads(out.read_text())["n"] == 1000
    assert "synthetic" in capsys.readouterr().out.lower()


def test_a_person_may_readmit_an_advisor_that_lost_its_trial() -> None:
    cohort = load_cohort("nhanes")
    lenient = replace(
        live_config(cohort.protocol), plausibility=1.0
    )  # follows bad advice more, so it is found out sooner
    run = LiveRun.start(cohort, "libra-trial", "adversarial", seed=1, config=lenient)
    assert run.trial is not None
    while not run.trial.dismissed and len(run.rows) < 1500:
        run.step()
    assert run.trial.dismissed
    assert run.trial.evidence >= run.trial.needed
    assert run.trial.adopted_mean < run.trial.withheld_mean
    calls = run.step().calls
    assert run.step().calls == calls
    run.readmit()
    assert run.readmitted == [len(run.rows)]
    assert run.trial.adopted == run.trial.withheld == 0
    assert run.trial.evidence == 1
    for _ in range(20):
        run.step()
    assert run.rows[-1].calls > calls
    assert LiveRun.start(load_cohort("nhanes"), "libra", "adversarial").trial is None


def test_a_live_run_knows_who_is_unlike_the_patients_it_learned_from() -> None:
    run = LiveRun.start(load_cohort("accord-like"), "random", seed=0)
    first = run.step().row
    assert run.outside(first, 0) == run.environment.problem.immutable[1:]
    assert run.outside(first) == ()


def test_a_former_name_gives_the_same_study_and_its_hash() -> None:
    old, new = (StudySpec(SMALL, (name, "glrb"), rounds=20, replicates=1) for name in ("llm-only", "advisor-only"))
    assert old == new
    assert old.hash == new.hash
    assert json.loads(json.dumps(new.as_dict()))["policies"] == ["llm-only", "glrb"]
    assert [p.name for p in run_study(old).policies] == ["advisor-only", "glrb"]


def test_the_stored_case_study_opens_under_todays_names() -> None:
    for name, study in load_case_study().items():
        assert study.current
        assert study.spec == case_study_specs(default_protocol())[name]
        assert "advisor-only" in [p.name for p in study.result.policies]
