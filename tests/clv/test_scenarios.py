"""Markov chains, the sheet of a manager, and what if: closed forms, finite differences, simulation."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycrm import clv
from pycrm.clv._regularity import draw_stage
from pycrm.errors import InvalidDataError, InvalidValueError, NotEstimableError

# Pfeifer & Carraway (2000): a purchase earns 40, a mailing costs 4, the chance falls with the months since the last purchase.
CHANCE = [0.3, 0.2, 0.15, 0.05]
MOVES = [[p if to == 0 else 1 - p if to == now + 1 else 0.0 for to in range(5)] for now, p in enumerate(CHANCE)]
MAILING = clv.MarkovChain(transition=[*MOVES, [0, 0, 0, 0, 1]], reward=[36, -4, -4, -4, 0], unit="month")


def test_the_value_of_a_mailing_policy_is_the_discounted_sum_of_its_paths():
    random = np.random.default_rng(5)
    state, worth = np.zeros(40_000, dtype=int), np.full(40_000, 36.0)
    for month in range(1, 80):
        buys = random.uniform(size=state.size) < np.array([*CHANCE, 0.0])[state]
        state = np.where(buys, 0, np.minimum(state + 1, 4))
        worth += MAILING.reward[state] * 1.2**-month
    found = MAILING.value(discount_rate=0.2, per="period")
    assert worth.mean() == pytest.approx(found[0], abs=4 * worth.std() / 200)


def test_the_value_of_a_mailing_policy_is_its_closed_form():
    # The printed vector of the paper is not at hand, so its renewal argument is made in exact fractions: v(k) = A(k) + B(k) v(1).
    z, chances = Fraction(5, 6), [Fraction(3, 10), Fraction(1, 5), Fraction(3, 20), Fraction(1, 20)]
    rewards, parts = [36, -4, -4, -4], []
    after = (Fraction(0), Fraction(0))
    for chance, reward in zip(reversed(chances), reversed(rewards), strict=True):
        after = (reward + z * (1 - chance) * after[0], z * (chance + (1 - chance) * after[1]))
        parts.append(after)
    first = parts[-1][0] / (1 - parts[-1][1])
    closed = [float(a + b * first) for a, b in reversed(parts)]
    assert MAILING.value(discount_rate=0.2, per="period").tolist() == pytest.approx(
        [*closed, 0.0], rel=1e-13, abs=1e-13
    )


def test_two_states_are_the_margin_formula():
    chain = clv.MarkovChain(transition=[[0.8, 0.2], [0, 1]], reward=[100, 0])
    closed = clv.margin_value(100, retention=0.8, discount_rate=0.1)
    assert chain.value(discount_rate=0.1, per="period")[0] == pytest.approx(float(closed), rel=1e-12)
    part = clv.margin_value(100, retention=0.8, discount_rate=0.1, horizon=7)
    assert chain.value(discount_rate=0.1, per="period", horizon=7)[0] == pytest.approx(float(part), rel=1e-12)
    table = clv.cohort_value(0.8 ** np.arange(8), 100, discount_rate=0.1)
    assert table["cumulative"].iloc[-1] == pytest.approx(float(part), rel=1e-12)


@pytest.mark.parametrize("horizon", [0, 1, 6, np.inf])
def test_sensitivities_are_the_finite_differences(horizon):
    start, step = np.array([2.0, 1.0, 0.0, 3.0, 0.5]), 1e-6
    found = MAILING.sensitivity(start, discount_rate=0.2, per="period", horizon=horizon)

    def value(transition=MAILING.transition, reward=MAILING.reward, rate=0.2):
        chain = clv.MarkovChain(transition=transition, reward=reward)
        return start @ chain.value(discount_rate=rate, per="period", horizon=horizon)

    by_rate = (value(rate=0.2 + step) - value(rate=0.2 - step)) / (2 * step)
    assert found.discount_rate == pytest.approx(by_rate, rel=1e-6, abs=1e-8)
    for state in range(5):
        moved = np.eye(5)[state] * step
        by_reward = (value(reward=MAILING.reward + moved) - value(reward=MAILING.reward - moved)) / (2 * step)
        assert found.reward[state] == pytest.approx(by_reward, rel=1e-6, abs=1e-8)
    for row in range(4):
        moved = np.zeros((5, 5))
        moved[row, 0], moved[row, row + 1] = step, -step
        by_chance = (value(MAILING.transition + moved) - value(MAILING.transition - moved)) / (2 * step)
        assert found.transition[row, 0] - found.transition[row, row + 1] == pytest.approx(by_chance, rel=1e-6, abs=1e-8)


def test_a_yearly_rate_on_a_monthly_chain_is_converted():
    yearly = MAILING.value(discount_rate=1.2**12 - 1)
    assert yearly == pytest.approx(MAILING.value(discount_rate=0.2, per="period"), rel=1e-12)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"transition": [[0.5, 0.4], [0, 1]]}, "adds up to 1"),
        ({"transition": [[1.5, -0.5], [0, 1]]}, "between 0 and 1"),
        ({"transition": [[1.0, 0.0]]}, "square"),
        ({"transition": [[np.nan, 1.0], [0, 1]]}, "between 0 and 1"),
        ({"reward": [1.0]}, "each state"),
        ({"reward": [1.0, np.inf]}, "each state"),
        ({"states": ["a", "a"]}, "name of its own"),
    ],
)
def test_chains_that_are_none_are_refused(change, says):
    good = {"transition": [[0.5, 0.5], [0, 1]], "reward": [1, 0]}
    with pytest.raises((InvalidDataError, InvalidValueError), match=says):
        clv.MarkovChain(**(good | change))


def test_a_chain_without_end_needs_a_discount():
    with pytest.raises(NotEstimableError, match="discount_rate"):
        MAILING.value(discount_rate=0.0)
    assert MAILING.value(discount_rate=0.0, horizon=2)[4] == 0
    for start in ([1, 0], [1, 0, 0, 0, -1]):
        with pytest.raises(InvalidValueError, match="start"):
            MAILING.distribution(2, start)
    with pytest.raises(InvalidValueError, match="horizon"):
        MAILING.value(discount_rate=0.1, horizon=1.5)


@given(st.floats(-100, 100), st.floats(0, 1), st.floats(0.001, 2), st.floats(-0.5, 0.5), st.integers(0, 40))
def test_the_margin_formula_is_its_own_sum(margin, retention, rate, growth, horizon):
    found = clv.margin_value(margin, retention=retention, discount_rate=rate, growth=growth, horizon=horizon)
    step = retention * (1 + growth) / (1 + rate)
    assert float(found) == pytest.approx(margin * sum(step**n for n in range(horizon + 1)), rel=1e-7, abs=1e-7)


def test_sheets_that_cannot_be_are_refused():
    with pytest.raises(NotEstimableError, match="discount"):
        clv.margin_value(1, retention=1.0, discount_rate=0.05, growth=0.05)
    for bad in ({"retention": 1.2}, {"retention": "much"}, {"discount_rate": -0.1}, {"horizon": 1.5}):
        with pytest.raises(InvalidValueError):
            clv.margin_value(**({"margin": 1, "retention": 0.5, "discount_rate": 0.1} | bad))
    with pytest.raises(InvalidDataError, match="retention") as caught:
        clv.margin_value(1, retention=[0.5, np.nan], discount_rate=0.1)
    assert caught.value.row == 1
    for survivors, margin in (([], 1), ([0, 0], 1), ([5, 6], 1), ([5, 4], [1, 2, 3])):
        with pytest.raises(InvalidDataError):
            clv.cohort_value(survivors, margin, discount_rate=0.1)


SHAPES = {"r": 0.6, "alpha": 6.0}
LEAVING = [
    clv.BetaGeoNBD(**SHAPES, a=0.9, b=2.5, unit="week"),
    clv.ModifiedBetaGeoNBD(**SHAPES, a=0.9, b=2.5, unit="week"),
    clv.ParetoNBD(**SHAPES, s=0.6, beta=11.0, unit="week"),
    clv.BetaGeoCNBDk(**SHAPES, a=0.9, b=2.5, k=3, unit="week"),
    clv.ModifiedBetaGeoCNBDk(**SHAPES, a=0.9, b=2.5, k=2, unit="week"),
    clv.BetaGeoBetaBinomial(alpha=1.2, beta=0.75, gamma=0.9, delta=2.8, unit="week"),
]
REGULAR = clv.BetaGeoCNBDk | clv.ModifiedBetaGeoCNBDk
PEOPLE = {"frequency": [2, 0, 9], "recency": [30.0, 0.0, 50.0], "age": [52.0, 52.0, 52.0]}
TERMS = {"unit": "week", "discount_rate": 0.1}


def _by_simulation(model, scenario, weeks, random):
    """Purchases ahead of customers whose own rate and chance of leaving were changed, a day at a time being too coarse: by events."""
    count, draws = np.zeros(3), 60_000
    for i, (x, t_x, T) in enumerate(zip(*PEOPLE.values(), strict=True)):
        alive = random.uniform(size=draws) < model.probability_alive(x, t_x, T)
        if isinstance(model, clv.ParetoNBD):
            rate = random.gamma(model.r + x, size=draws) / (model.alpha + T) * scenario.frequency
            leave = random.gamma(model.s, size=draws) / (model.beta + T) * scenario.dropout
            there = np.minimum(random.exponential(size=draws) / leave, weeks)
            made = random.poisson(rate * there)
        elif isinstance(model, clv.BetaGeoBetaBinomial):
            leave = np.minimum(random.beta(model.gamma, model.delta + T, size=draws) * scenario.dropout, 1.0)
            buys = np.minimum(random.beta(model.alpha + x, model.beta + T - x, size=draws) * scenario.frequency, 1.0)
            made = random.binomial(np.minimum(random.geometric(leave) - 1, int(weeks)), buys)
        elif isinstance(model, REGULAR):
            modified = isinstance(model, clv.ModifiedBetaGeoCNBDk)
            shape = np.full(draws, model.r + model.k * x)
            stage = draw_stage(random, model.k, shape, np.full(draws, T - t_x), np.full(draws, model.alpha + T))
            rate = random.gamma(shape + stage) / (model.alpha + T) * scenario.frequency
            chance = np.minimum(random.beta(model.a, model.b + x + modified, size=draws) * scenario.dropout, 1.0)
            made = np.minimum((random.poisson(rate * weeks) + stage) // model.k, random.geometric(chance))
        else:
            modified = isinstance(model, clv.ModifiedBetaGeoNBD)
            rate = random.gamma(model.r + x, size=draws) / (model.alpha + T) * scenario.frequency
            chance = random.beta(model.a, model.b + x + modified, size=draws) * scenario.dropout
            made = np.minimum(random.poisson(rate * weeks), random.geometric(chance))
        count[i] = (made * alive).mean()
    return count


@pytest.mark.parametrize("model", LEAVING)
@pytest.mark.parametrize(
    "scenario", [clv.Scenario(name="x", frequency=1.5, dropout=0.8), clv.Scenario(name="x", dropout=0.5)]
)
def test_a_scenario_is_what_customers_so_changed_would_do(model, scenario):
    expected = _by_simulation(model, scenario, 26.0, np.random.default_rng(3)).sum()
    terms = TERMS | {"discount_rate": 0.0}
    found = clv.compare_scenarios(model, 1.0, PEOPLE, [scenario], horizon=26, **terms)
    assert found["value"].iloc[1] == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("model", LEAVING)
def test_better_retention_is_worth_more_the_longer_one_looks(model):
    scenario = clv.Scenario(name="loyal", dropout=0.8)
    gains = [
        clv.compare_scenarios(model, 10.0, PEOPLE, [scenario], horizon=horizon, **TERMS)["relative_change"].iloc[1]
        for horizon in (4, 52, 520, np.inf)
    ]
    assert gains == sorted(gains)
    assert gains[0] > 0


def test_spend_and_margin_are_proportional_and_their_elasticity_is_1():
    what_if = [clv.Scenario(name="dearer", spend=1.1), clv.Scenario(name="cheaper to serve", margin=1.2)]
    found = clv.compare_scenarios(LEAVING[0], 10.0, PEOPLE, what_if, horizon=52, margin=0.3, **TERMS)
    assert found["relative_change"].tolist() == pytest.approx([0.0, 0.1, 0.2], rel=1e-12)
    elasticities = clv.value_elasticities(LEAVING[0], 10.0, PEOPLE, horizon=52, **TERMS)
    assert set(elasticities) == {"frequency", "retention", "spend", "margin"}
    assert elasticities["spend"] == elasticities["margin"] == 1.0
    assert 0 < elasticities["retention"] < elasticities["frequency"] < 1
    assert set(clv.value_elasticities(clv.NBD(**SHAPES), 10.0, PEOPLE, horizon=52, **TERMS)) == {
        "frequency",
        "spend",
        "margin",
    }


def test_a_fit_gives_scenarios_an_interval_and_weights_count():
    drawn = LEAVING[0].simulate(np.full(1500, 52.0), random=np.random.default_rng(1)).assign(weight=2.0)
    fit = clv.BetaGeoNBD.fit(drawn)
    what_if = [clv.Scenario(name="more often", frequency=1.2)]
    found = clv.compare_scenarios(fit, 10.0, drawn, what_if, horizon=52, **TERMS)
    assert (found["lower"] < found["value"]).all()
    assert (found["value"] < found["upper"]).all()
    plain = clv.lifetime_value(fit, 10.0, drawn, horizon=52, **TERMS).sum()
    assert found["value"].iloc[0] == pytest.approx(2 * plain, rel=1e-12)


@pytest.mark.parametrize("horizon", [26, np.inf])
@pytest.mark.parametrize("modified", [False, True])
def test_customers_of_regularity_1_change_as_those_without_rhythm(horizon, modified):
    plain = clv.ModifiedBetaGeoNBD if modified else clv.BetaGeoNBD
    regular = clv.ModifiedBetaGeoCNBDk if modified else clv.BetaGeoCNBDk
    pair = (plain(**SHAPES, a=0.9, b=2.5, unit="week"), regular(**SHAPES, a=0.9, b=2.5, k=1, unit="week"))
    what_if = [clv.Scenario(name="x", frequency=1.3, dropout=0.6)]
    found = [clv.compare_scenarios(one, 10.0, PEOPLE, what_if, horizon=horizon, **TERMS)["value"] for one in pair]
    assert found[1].tolist() == pytest.approx(found[0].tolist(), rel=1e-8)


@pytest.mark.parametrize("model", LEAVING)
@pytest.mark.parametrize("horizon", [26, np.inf])
def test_next_to_no_change_is_worth_next_to_nothing(model, horizon):
    # The way taken for a changed chance and the one for an unchanged chance must meet.
    what_if = [clv.Scenario(name="x", frequency=1 + 1e-12, dropout=1 - 1e-12)]
    found = clv.compare_scenarios(model, 10.0, PEOPLE, what_if, horizon=horizon, **TERMS)
    assert found["relative_change"].iloc[1] == pytest.approx(0.0, abs=1e-9)


def test_a_treatment_is_worth_what_it_changes_less_what_it_costs():
    loyal = clv.Scenario(name="phone call", dropout=0.8, spend=1.05)
    terms = TERMS | {"horizon": 52}
    net = clv.treatment_value(LEAVING[0], 10.0, PEOPLE, loyal, cost=[0.5, 0.5, 2.0], **terms)
    whole = clv.compare_scenarios(LEAVING[0], 10.0, PEOPLE, [loyal], **terms)["change"].iloc[1]
    assert net.sum() == pytest.approx(whole - 3.0, rel=1e-12)
    nothing = clv.Scenario(name="nothing")
    assert clv.treatment_value(LEAVING[0], 10.0, PEOPLE, nothing, cost=0.0, **terms).tolist() == [0.0, 0.0, 0.0]
    # Who never came back and has long been silent is not worth a call that costs more than he will ever bring.
    assert net[1] < 0 < net[2]
    with pytest.raises(InvalidDataError, match="cost"):
        clv.treatment_value(LEAVING[0], 10.0, PEOPLE, loyal, cost=[1.0, 2.0], **terms)


def test_a_scenario_a_model_has_no_answer_for_is_refused():
    nobody = clv.NBD(**SHAPES, unit="week")
    with pytest.raises(InvalidValueError, match="no dropout"):
        clv.compare_scenarios(nobody, 1.0, PEOPLE, [clv.Scenario(name="x", dropout=0.9)], horizon=5, **TERMS)
    with pytest.raises(InvalidValueError, match="name of its own"):
        clv.compare_scenarios(LEAVING[0], 1.0, PEOPLE, [clv.Scenario(name="as it is")], horizon=5, **TERMS)
    with pytest.raises(InvalidValueError, match="above 0"):
        clv.Scenario(name="x", frequency=0.0)
