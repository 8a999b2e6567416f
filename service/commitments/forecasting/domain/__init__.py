"""How likely a promise is to be missed, from what became of others like it. Pure.

The estimator is the empirical conditional survival curve: of the requests that were still open after so much
time of the promise's own clock, the share that was still open when the target was used up. One that is open
counts for as long as it has been watched, by the product-limit estimator (E. L. Kaplan and P. Meier,
"Nonparametric Estimation from Incomplete Observations", JASA 53, 1958).

A cohort of few requests says little: what ended in it is weighed against what would have ended in the wider
cohort around it, which is the mean of a beta process that was observed (N. L. Hjort, "Nonparametric Bayes
Estimators Based on Beta Processes in Models for Life History Data", Annals of Statistics 18, 1990). What lies
long back says little too: a request counts half as much as one that was opened a half-life later.
"""

from service.commitments.forecasting.domain.calibration import Bin, brier_score, calibration
from service.commitments.forecasting.domain.cohorts import (
    COHORT_MIN,
    COHORTS_MAX,
    FULFILLED_MIN,
    Cohort,
    Known,
    Lived,
    Meter,
    known,
    nearest,
)
from service.commitments.forecasting.domain.curves import (
    HALF_LIFE,
    PRIOR_WEIGHT,
    STEP_MIN,
    Curve,
    Spell,
    chance_of_miss,
    condensed,
    curve,
    first_above,
    weight_at,
)

__all__ = [
    "COHORTS_MAX",
    "COHORT_MIN",
    "FULFILLED_MIN",
    "HALF_LIFE",
    "PRIOR_WEIGHT",
    "STEP_MIN",
    "Bin",
    "Cohort",
    "Curve",
    "Known",
    "Lived",
    "Meter",
    "Spell",
    "brier_score",
    "calibration",
    "chance_of_miss",
    "condensed",
    "curve",
    "first_above",
    "known",
    "nearest",
    "weight_at",
]
