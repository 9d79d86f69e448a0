"""Checks of pydeequ as a user would write them, one of every kind; imported by the tests as `--checks` imports them."""

from __future__ import annotations

from pydeequ.checks import Check, CheckLevel
from pydeequ.checks import ConstrainableDataTypes as Types


def never(metric) -> bool:
    """An assertion that always fails, so that the message tells the metric."""
    return False


def scan_once(spark):
    numbers = (
        Check(spark, CheckLevel.Error, "numbers")
        .hasMin("amount", never)
        .hasMax("amount", never)
        .hasMean("amount", never)
        .hasSum("amount", never)
        .hasStandardDeviation("amount", never)
        .hasApproxCountDistinct("amount", never)
        .hasApproxQuantile("amount", 0.5, never)
        .hasMin("odd", never)
        .hasMax("odd", never)
        .hasMean("odd", never)
        .hasSum("odd", never)
        .hasStandardDeviation("odd", never)
        .hasApproxCountDistinct("odd", never)
        .hasMean("empty", never)
        .hasApproxCountDistinct("empty", never)
        .hasMean("code", never)
        .hasMean("`a.b`", never)
        .kllSketchSatisfies("amount", lambda sketch: sketch.buckets().apply(0).count() == 1)
        .hasMean("amount", lambda mean: mean == 23.0)
    )
    rows = (
        Check(spark, CheckLevel.Warning, "rows")
        .hasSize(never)
        .hasSize(never)
        .where("amount > 3")
        .isComplete("id")
        .isComplete("amount")
        .hasCompleteness("amount", never)
        .where("id > 10")
        .hasCompleteness("amount", lambda share: share > 0.5)
        .where("id < 0")
        .isComplete("odd")
        .isComplete("empty")
        .isComplete("`a.b`")
        .areComplete(["id", "amount"])
        .haveAnyCompleteness(["amount", "code"], never)
        .satisfies("amount > 0", "positive", never)
        .satisfies("amount > 0", "positive at the end", never)
        .where("id > 30")
        .satisfies("empty > 0", "nothing to judge", never)
        .satisfies("`a.b` > 1", "quoted", never)
        .isNonNegative("amount", never)
        .isPositive("amount", never)
        .isLessThan("amount", "id", never)
        .isGreaterThanOrEqualTo("amount", "id", never)
        .isContainedIn("code", ["a", "b'x"], never)
        .hasPattern("code", "[ab]'x", never)
        .hasPattern("mail", r"^\d+@b\.com$", never)
        .containsEmail("mail", never)
        .containsURL("mail", never)
    )
    values = (
        Check(spark, CheckLevel.Error, "values")
        .isUnique("id")
        .isUnique("code")
        .hasUniqueness(["amount"], never)
        .hasUniqueness(["empty"], never)
        .hasDistinctness(["code"], never)
        .hasDistinctness(["flag"], never)
        .hasDistinctness(["day"], never)
        .hasUniqueValueRatio(["code"], never)
        .hasEntropy("code", never)
        .hasEntropy("odd", never)
        .hasEntropy("`a.b`", never)
        .hasNumberOfDistinctValues("code", never)
        .hasNumberOfDistinctValues("odd", never)
        .hasHistogramValues("code", lambda histogram: histogram.apply("NullValue").absolute() == 6)
        .hasHistogramValues("odd", lambda histogram: histogram.apply("NaN").absolute() == 7)
        .hasHistogramValues("wide", lambda histogram: histogram.apply("1.0E7").absolute() == 1)
        .hasDataType("amount", Types.Fractional, never)
        .hasDataType("id", Types.Integral, never)
        .hasDataType("code", Types.String, never)
        .hasDataType("odd", Types.Fractional, never)
        .hasDataType("flag", Types.Boolean, never)
        .hasDataType("day", Types.String, never)
    )
    return [numbers, rows, values]


def scan_twice(spark):
    check = (
        Check(spark, CheckLevel.Error, "two scans")
        .hasMean("amount", never)
        .hasCorrelation("amount", "id", never)
        .hasMutualInformation("code", "flag", never)
        .hasMinLength("mail", never)
        .hasMaxLength("mail", never)
        .hasMin("amount", never)
        .where("id > 20")
        .isPrimaryKey("id", "code")
    )
    return [check]


def check_many_values(spark):
    return [Check(spark, CheckLevel.Error, "many values").isUnique("number").hasMean("number", never)]


def check_by_a_mistake(spark):
    return [
        Check(spark, CheckLevel.Error, "mistake")
        .hasMean("amount", lambda mean: mean / 0)
        .hasSize(lambda size: size > 0)
    ]


def check_a_missing_column(spark):
    return [Check(spark, CheckLevel.Error, "missing").isComplete("amuont")]


def check_nothing(spark):
    return []


def return_another_kind(spark):
    return "isComplete"


def raise_an_error(spark):
    raise KeyError("threshold")
