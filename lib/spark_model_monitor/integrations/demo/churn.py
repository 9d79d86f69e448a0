"""The customers of a made-up telecom company: their features, which of them leave, and a model's predictions.

Everything is drawn from the distributions in this module, with one seed; no row is a real person's. `baseline_table` is the
data on which the model was validated; `traffic.py` draws later customers from the same distributions. Pure numpy and pandas,
no files; with the same numpy, the same seed gives the same table, byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.statistics import Doubles, Integers
from spark_model_monitor.value_class import value_class

Numbers: TypeAlias = Doubles  # one number per customer; shape (rows,)
LABEL = "churned"
SCORE = "churn_probability"
FEATURES = (
    "customer_ref",
    "plan",
    "payment_method",
    "has_roaming",
    "tenure_months",
    "day_minutes",
    "evening_minutes",
    "international_minutes",
    "day_calls",
    "data_gigabytes",
    "voicemail_messages",
    "support_calls",
    "satisfaction",
    "monthly_charge_eur",
)
PREDICTION = "prediction"
PROBABILITY = "probability"
DECISION_THRESHOLD = 0.5

PLANS = {"basic": 0.34, "prepaid": 0.22, "plus": 0.20, "family": 0.16, "business": 0.08}  # shares of the customers
PLAN_FEES_EUR = {"basic": 18.0, "prepaid": 9.0, "plus": 29.0, "family": 44.0, "business": 52.0}
PAYMENT_METHODS = {"direct debit": 0.55, "card": 0.30, "invoice": 0.15}
NO_VOICEMAIL_SHARE = 0.72  # share of customers without a voice mailbox, whose count of messages is 0
MISSING_IN_BASELINE = (
    0.08  # share of older customers without a payment method, and share of them without a survey answer
)
LARGEST_DEVIATION = 3.0  # a law clips a feature to this many spreads from its centre

_REFERENCE_LETTERS = np.array(list("ABCDEFGHJKLMNPQRSTUVWXYZ"))


@value_class
class Law:
    """A logistic law: log-odds of leaving = `intercept` + sum of `weights` times the features' standardised values.

    weights: log-odds per spread of a number in `SPREADS`, or for "plan=NAME" the log-odds of being on that plan.
    A number deviates by at most `LARGEST_DEVIATION` spreads; a missing one counts as its centre.
    """

    intercept: float
    weights: Mapping[str, float]

    def probability(self, customers: pd.DataFrame) -> Numbers:
        """The probability in [0, 1] that each customer leaves; shape (rows,)."""
        log_odds = np.full(len(customers), self.intercept, dtype=np.float64)
        for name, weight in self.weights.items():
            # `plan=basic` weighs one value of a text; a bare name weighs a number in standard deviations
            feature, _, value = name.partition("=")
            if value:
                log_odds += weight * (customers[feature] == value).to_numpy(np.float64)
            else:
                log_odds += weight * _standardize(customers[feature], *SPREADS[feature])
        probabilities: Numbers = 1.0 / (1.0 + np.exp(-log_odds))
        return probabilities


SPREADS: Mapping[str, tuple[float, float]] = {
    "tenure_months": (28.0, 20.0),  # (centre, spread), roughly the mean and standard deviation
    "day_minutes": (180.0, 52.0),
    "support_calls": (1.6, 1.3),
    "satisfaction": (7.0, 1.8),
    "monthly_charge_eur": (38.0, 16.0),
    "has_roaming": (0.28, 0.45),
}

TRUTH = Law(
    intercept=-1.9,
    weights={
        "tenure_months": -1.5,
        "support_calls": 1.7,
        "satisfaction": -1.6,
        "day_minutes": 0.9,
        "monthly_charge_eur": 0.6,
        "has_roaming": 0.4,
        "plan=prepaid": 1.0,
        "plan=family": -0.8,
    },
)
"""The law by which customers really leave."""

MODEL = Law(
    intercept=-1.8,
    weights={
        "tenure_months": -1.3,
        "support_calls": 1.8,
        "satisfaction": -1.4,
        "day_minutes": 0.7,
        "monthly_charge_eur": 0.7,
        "plan=prepaid": 0.8,
    },
)
"""The deployed model's law: near `TRUTH`, with slightly wrong weights, without roaming and families."""


TYPICAL = ("AA-000000", "basic", "direct debit", 0, 28, 180, 200, 10, 100, 3, 0, 2, 7, 38)
"""The `FEATURES` of a typical customer, with whom the model's explanation compares the others."""


def baseline_table(rows: int = 20_000, seed: int = 7) -> pd.DataFrame:
    """The model's validation set: `LABEL`, `SCORE`, then `FEATURES`; `rows` customers whose outcome is known.

    The label and the score stand first, as a monitored endpoint's output columns do (C3.3b), so that captured
    traffic meets these columns by position.
    """
    rng = np.random.default_rng([seed, 0])
    customers = draw_customers(rows, rng, missing_share=MISSING_IN_BASELINE)
    outcome = pd.DataFrame({LABEL: draw_labels(customers, rng), SCORE: score(customers)})
    table: pd.DataFrame = pd.concat([outcome, customers], axis="columns")
    return table


def explanation() -> dict[str, Json]:
    """An explanation request, as in an analysis_config.json: what moves the score away from the score of `TYPICAL`."""
    shap_config = {"baseline": [list(TYPICAL)], "num_samples": 100, "seed": 1}
    answers = {"label_headers": [SCORE]}
    return {"label": LABEL, "predicted_label": SCORE, "predictor": answers, "methods": {"shap": shap_config}}


def validation_table(baseline: pd.DataFrame) -> pd.DataFrame:
    """The model's predictions for a `baseline_table`, with the true outcomes: a model-quality baseline."""
    scores = baseline[SCORE].to_numpy(np.float64)
    return pd.DataFrame({LABEL: baseline[LABEL], PREDICTION: decide(scores), PROBABILITY: scores})


def draw_customers(rows: int, rng: np.random.Generator, *, missing_share: float) -> pd.DataFrame:
    """`rows` customers drawn independently, with the columns `FEATURES` in that order.

    missing_share: share in [0, 1] of missing values in `payment_method` and, independently, in `satisfaction`.
    """
    plan = rng.choice(list(PLANS), size=rows, p=list(PLANS.values()))
    day_minutes = np.clip(rng.normal(180.0, 52.0, rows), 0.0, None).round(1)
    data_gigabytes = rng.lognormal(1.2, 0.8, rows).round(2)
    has_mailbox = rng.random(rows) >= NO_VOICEMAIL_SHARE
    fees = np.array([PLAN_FEES_EUR[name] for name in plan], dtype=np.float64)
    usage = 0.05 * day_minutes + 0.4 * np.minimum(data_gigabytes, 20.0)
    # The columns stand in the order in which their numbers are drawn
    columns = {"customer_ref": _draw_references(rows, rng), "plan": plan.astype(object)}
    payment_methods = rng.choice(list(PAYMENT_METHODS), size=rows, p=list(PAYMENT_METHODS.values()))
    columns["payment_method"] = payment_methods.astype(object)
    columns["has_roaming"] = (rng.random(rows) < 0.28).astype(np.int64)
    tenure_months = rng.gamma(2.0, 14.0, rows)
    columns["tenure_months"] = np.minimum(tenure_months, 180.0).astype(np.int64)
    columns["day_minutes"] = day_minutes
    evening_minutes = rng.normal(200.0, 50.0, rows)
    columns["evening_minutes"] = np.clip(evening_minutes, 0.0, None).round(1)
    columns["international_minutes"] = rng.gamma(3.5, 2.8, rows).round(1)
    columns["day_calls"] = rng.poisson(100.0, rows)
    columns["data_gigabytes"] = data_gigabytes
    columns["voicemail_messages"] = np.where(has_mailbox, rng.poisson(28.0, rows), 0)
    columns["support_calls"] = rng.poisson(1.6, rows)
    satisfaction = rng.normal(7.0, 1.8, rows)
    columns["satisfaction"] = np.clip(satisfaction, 1.0, 10.0).round(1)
    charges = fees + usage + rng.normal(0.0, 2.0, rows)
    columns["monthly_charge_eur"] = np.clip(charges, 1.0, None).round(2)
    # The count of random numbers doesn't depend on the share, so that it changes nothing but the missing values
    columns["payment_method"][rng.random(rows) < missing_share] = np.nan
    columns["satisfaction"][rng.random(rows) < missing_share] = np.nan
    customers: pd.DataFrame = pd.DataFrame(columns, columns=list(FEATURES))
    return customers


def draw_labels(customers: pd.DataFrame, rng: np.random.Generator) -> Integers:
    """1 for the customers that leave, by `TRUTH`; shape (rows,)."""
    return (rng.random(len(customers)) < TRUTH.probability(customers)).astype(np.int64)


def score(customers: pd.DataFrame) -> Numbers:
    """The model's probability of leaving to four decimals, as the endpoint answers it; shape (rows,)."""
    return MODEL.probability(customers).round(4)


def decide(scores: Numbers) -> Integers:
    """The model's predicted label: 1 where the score is above `DECISION_THRESHOLD`; shape (rows,)."""
    return (scores > DECISION_THRESHOLD).astype(np.int64)


def to_csv(table: pd.DataFrame, *, header: bool) -> str:
    """CSV text with `\\n` line ends. A missing value is an empty cell; a fractional number keeps its decimal point."""
    text: str = table.to_csv(index=False, header=header, lineterminator="\n")
    return text


def _standardize(values: pd.Series, centre: float, spread: float) -> Numbers:
    deviations = (values.to_numpy(np.float64, na_value=centre) - centre) / spread
    limited: Numbers = np.clip(deviations, -LARGEST_DEVIATION, LARGEST_DEVIATION)
    return limited


def _draw_references(rows: int, rng: np.random.Generator) -> NDArray[np.object_]:
    """Texts such as `KT-480213`: hardly any text is repeated, so this is a feature of high cardinality."""
    letters = rng.choice(_REFERENCE_LETTERS, size=(rows, 2))
    numbers = rng.integers(0, 1_000_000, rows)
    return np.array([f"{a}{b}-{number:06d}" for (a, b), number in zip(letters, numbers, strict=True)], dtype=object)
