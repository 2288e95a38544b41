"""Runs inside .venv-bench, without our library: one peer over the rounds that `peers.py` wrote, one JSON line out."""

from __future__ import annotations

import json
import os
import sys
import time
import warnings

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")  # before numpy; one core, as for us
warnings.simplefilter("ignore")

import numpy as np  # noqa: E402

SEEN_FIRST = 50  # rounds with arms in turn, not timed, so that every arm and both rewards are known


class Mabwiser:
    what = "LinUCB, no recourse"

    def __init__(self, arms: int, d: int) -> None:
        from mabwiser.mab import MAB, LearningPolicy

        self.mab = MAB(list(range(arms)), LearningPolicy.LinUCB(alpha=1.0, l2_lambda=1.0))

    def start(self, x, arm, reward) -> None:
        self.mab.fit(list(arm), list(reward), x)

    def choose(self, x) -> int:
        return self.mab.predict(x[None])

    def learn(self, x, arm, reward) -> None:
        self.mab.partial_fit([arm], [reward], x[None])


class Contextualbandits:
    what = "LinUCB, no recourse"

    def __init__(self, arms: int, d: int) -> None:
        from contextualbandits.online import LinUCB

        self.mab = LinUCB(arms, alpha=1.0, njobs=1, fit_intercept=False)

    def start(self, x, arm, reward) -> None:
        self.mab.partial_fit(x, arm, reward)

    def choose(self, x) -> int:
        return int(self.mab.predict(x[None])[0])

    def learn(self, x, arm, reward) -> None:
        self.mab.partial_fit(x[None], np.array([arm]), np.array([reward]))


class River:
    what = "LinUCBDisjoint, no recourse"

    def __init__(self, arms: int, d: int) -> None:
        from river.bandit import LinUCBDisjoint

        self.arms = list(range(arms))
        self.mab = LinUCBDisjoint(alpha=1.0, seed=0)

    def start(self, x, arm, reward) -> None:
        for row in zip(x, arm, reward, strict=True):
            self.learn(*row)

    def choose(self, x) -> int:
        return self.mab.pull(self.arms, context=dict(enumerate(x.tolist())))

    def learn(self, x, arm, reward) -> None:
        self.mab.update(arm, dict(enumerate(x.tolist())), reward)


class Obp:
    what = "LinUCB, no recourse"

    def __init__(self, arms: int, d: int) -> None:
        from obp.policy import LinUCB

        self.mab = LinUCB(dim=d, n_actions=arms, epsilon=1.0)

    def start(self, x, arm, reward) -> None:
        for row in zip(x, arm, reward, strict=True):
            self.learn(*row)

    def choose(self, x) -> int:
        return int(self.mab.select_action(x[None])[0])

    def learn(self, x, arm, reward) -> None:
        self.mab.update_params(action=arm, reward=reward, context=x[None])


BANDITS = {"mabwiser": Mabwiser, "contextualbandits": Contextualbandits, "river": River, "obp": Obp}


def bandit(name: str, data) -> dict:
    """Median CPU of a round: one choice and one update."""
    x, reward = data["x"], data["reward"]
    peer = BANDITS[name](reward.shape[1], x.shape[1])
    arm = np.arange(SEEN_FIRST) % reward.shape[1]
    peer.start(x[:SEEN_FIRST], arm, reward[np.arange(SEEN_FIRST), arm])
    spent = []
    for t in range(SEEN_FIRST, len(x)):
        started = time.process_time()
        chosen = peer.choose(x[t])
        peer.learn(x[t], int(chosen), float(reward[t, int(chosen)]))
        spent.append(time.process_time() - started)
    return {"what": peer.what, "unit": "round", "seconds": float(np.median(spent)), "note": ""}


def dice(data) -> dict:
    """CPU per patient of DiCE's random and genetic searches for a change that turns a model's answer around."""
    import contextlib
    import io

    import dice_ml
    import pandas as pd
    from sklearn.linear_model import LogisticRegression

    x, theta, box = data["x"][:, 1:], data["theta"][0], data["box"]
    names = [f"x{j}" for j in range(x.shape[1])]
    movable = names[-box.size :]
    frame = pd.DataFrame(x, columns=names)
    frame["good"] = (np.random.default_rng(0).random(len(x)) < 1 / (1 + np.exp(-data["x"] @ theta))).astype(int)
    model = LogisticRegression().fit(frame[names], frame["good"])
    about = dice_ml.Data(dataframe=frame, continuous_features=names, outcome_name="good")
    ill = frame[model.predict(frame[names]) == 0][names].iloc[: int(data["patients"])]
    out = {}
    for method in ("random", "genetic"):
        search = dice_ml.Dice(about, dice_ml.Model(model=model, backend="sklearn"), method=method)
        spent, found = [], 0
        for i in range(len(ill)):
            one = ill.iloc[i : i + 1]
            limits = {
                m: [float(one[m].iloc[0] - b), float(one[m].iloc[0] + b)] for m, b in zip(movable, box, strict=True)
            }
            started = time.process_time()
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                try:
                    answer = search.generate_counterfactuals(
                        one, total_CFs=1, desired_class="opposite", features_to_vary=movable, permitted_range=limits
                    )
                    found += answer.cf_examples_list[0].final_cfs_df is not None
                except Exception:  # "no counterfactuals found" is an exception of the library's own, and an answer
                    pass
            spent.append(time.process_time() - started)
        out[method] = (float(np.median(spent)), found)
    (fast, hits), (slow, slow_hits) = out["random"], out["genetic"]
    note = f" (random search, found for {hits} of {len(ill)}; genetic: {slow * 1e3:.3g} ms, {slow_hits} of {len(ill)})"
    return {"what": "recourse in the box, one arm", "unit": "patient", "seconds": fast, "note": note}


if __name__ == "__main__":
    peer, data_path = sys.argv[1:]
    loaded = np.load(data_path)
    print(json.dumps(dice(loaded) if peer == "dice-ml" else bandit(peer, loaded)))
