"""A look at the processor that told nothing comes to one of three problems, and never to a failure of the money."""

import pytest

from app.gateways.port import CredentialsRefused, NeverSent, OutcomeUnknown, Refused
from app.payments.asking import problem_of
from app.payments.problems import ProcessorCredentialsRefused, ProcessorOutcomeUnknown, ProcessorUnavailable


@pytest.mark.parametrize(
    ("error", "problem", "details"),
    [
        (CredentialsRefused("authentication_failed"), ProcessorCredentialsRefused, {}),
        (NeverSent("breaker_open"), ProcessorUnavailable, {}),
        (Refused("unspecified"), ProcessorOutcomeUnknown, {"reason": "unspecified"}),
        (OutcomeUnknown("timed_out"), ProcessorOutcomeUnknown, {"outcome": "unknown"}),
    ],
)
def test_d9_whatever_went_wrong_the_look_is_made_again(error, problem, details):
    found = problem_of(error)
    assert type(found) is problem
    assert found.details == details
