"""One measured case of experiments: `experiments_case.py pycrm|statsmodels|sklift|causalml CASE`; prints one JSON object."""

import json
import sys
import time
import warnings

import numpy as np

warnings.simplefilter("ignore")
who, case = sys.argv[1:3]
rng = np.random.default_rng(0)


def mailing(n):
    """A randomised mailing whose effect differs between customers; the outcome is 0 or 1."""
    X = np.column_stack(
        [rng.integers(1, 13, n), rng.gamma(1.0, 240.0, n), rng.integers(0, 2, (n, 3)), np.eye(3)[rng.integers(0, 3, n)]]
    ).astype(float)
    w = rng.integers(0, 2, n)
    y = (rng.random(n) < 0.1 + 0.04 * w * (0.3 + X[:, 3])).astype(int)
    return X, w, y


def best(call, repeats=3):
    call()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        answer = call()
        times.append(time.perf_counter() - started)
    return min(times), answer


def million():
    w = rng.integers(0, 2, 1_000_000)
    before = rng.gamma(2.0, 10.0, 1_000_000)
    return w, before, 0.7 * before + rng.normal(0.1 * w)


def ours(case):
    from pycrm import experiments as ex

    if case == "uplift":
        X, w, y = mailing(64_000)
        return best(lambda: float(ex.TLearner.fit(X, w, y).model.uplift(X).mean()))
    if case == "qini":
        X, w, y = mailing(64_000)
        score = X[:, 3] + 0.01 * rng.normal(size=64_000)

        def replicated():
            found = ex.qini(y, w, score)
            return [found.coefficient, *found.interval, found.scikit_uplift, found.causalml]

        return best(replicated, 1)
    if case == "qini_point":
        X, w, y = mailing(64_000)
        score = X[:, 3] + 0.01 * rng.normal(size=64_000)

        def point():
            curve = ex.uplift_curve(y, w, score)
            return curve.area / curve.random_area - 1.0

        return best(point)
    if case == "boundary":
        return best(lambda: ex.sample_size_for_proportions(0.10, 0.12, formula="arcsine").control)
    w, before, spend = million()
    names = np.where(w == 1, "email", "control")
    calls = {
        "means": lambda: ex.difference_in_means(spend, w).estimate,
        "proportions": lambda: ex.difference_in_proportions(spend > 14, w).estimate,
        "ratios": lambda: ex.difference_in_ratios(spend, before, w).estimate,
        "cuped": lambda: ex.cuped(spend, w, before).estimate,
        "regression": lambda: ex.regression_adjusted(spend, w, before).estimate,
        "clusters": lambda: (
            ex.clustered_difference(spend, (np.arange(1_000_000) // 3) % 2, np.arange(1_000_000) // 3).estimate
        ),
        "text_arms": lambda: ex.difference_in_means(spend, names).estimate,
    }
    return best(calls[case])


def statsmodels(case):
    from statsmodels import api
    from statsmodels.stats import power, proportion, weightstats

    if case == "boundary":
        h = proportion.proportion_effectsize(0.12, 0.10)
        return best(lambda: float(power.NormalIndPower().solve_power(h, alpha=0.05, power=0.8)))
    w, before, spend = million()
    if case == "means":

        def means():
            both = weightstats.CompareMeans.from_data(spend[w == 1], spend[w == 0])
            both.tconfint_diff(usevar="unequal"), both.ttest_ind(usevar="unequal")
            return float(both.d1.mean - both.d2.mean)

        return best(means)
    if case == "proportions":
        did = spend > 14

        def shares():
            counts = [int(did[w == k].sum()) for k in (1, 0)]
            n = [int((w == k).sum()) for k in (1, 0)]
            proportion.confint_proportions_2indep(counts[0], n[0], counts[1], n[1], method="newcomb", compare="diff")
            proportion.proportions_ztest(counts, n)
            return counts[0] / n[0] - counts[1] / n[1]

        return best(shares)
    if case == "regression":

        def regression():
            centred = before - before.mean()
            X = np.column_stack([np.ones(len(w)), w, centred, centred * w])
            return float(api.OLS(spend, X).fit(cov_type="HC2").params[1])

        return best(regression)
    raise SystemExit(f"{who} has no {case}")


def sklift(case):
    X, w, y = mailing(64_000)
    if case == "qini_point":
        from sklift.metrics import qini_auc_score

        score = X[:, 3] + 0.01 * rng.normal(size=64_000)
        return best(lambda: float(qini_auc_score(y, score, w)))
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklift.models import TwoModels

    def fit():
        two = TwoModels(
            make_pipeline(StandardScaler(), LogisticRegression()), make_pipeline(StandardScaler(), LogisticRegression())
        )
        return float(two.fit(X, y, w).predict(X).mean())

    return best(fit)


def causalml(case):
    import pandas as pd

    X, w, y = mailing(64_000)
    score = X[:, 3] + 0.01 * rng.normal(size=64_000)
    frame = pd.DataFrame({"y": y, "w": w, "score": score})
    if case == "qini":
        from causalml.metrics import qini_score

        # Its interval is a half-sample bootstrap; 50 replicates, scaled to the 1000 of the figure.
        def replicated():
            return qini_score(frame, return_ci=True, n_bootstrap=50, random_state=0).iloc[0].tolist()

        seconds, answer = best(replicated, 1)
        return seconds * 20, answer
    if case == "qini_point":
        from causalml.metrics import qini_score

        return best(lambda: float(qini_score(frame).iloc[0]))
    from causalml.inference.meta import BaseTClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def fit():
        learner = BaseTClassifier(make_pipeline(StandardScaler(), LogisticRegression()))
        return float(learner.fit_predict(X=X, treatment=w, y=y).mean())

    return best(fit)


def versions(_):
    from importlib.metadata import version

    return 0.0, {peer: version(peer) for peer in ("statsmodels", "scikit-uplift", "causalml")}


known = {"pycrm": ours, "statsmodels": statsmodels, "sklift": sklift, "causalml": causalml, "versions": versions}
seconds, answer = known[who](case)
print(json.dumps({"seconds": seconds, "answer": answer}))
