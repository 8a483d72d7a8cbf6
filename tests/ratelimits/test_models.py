"""Which operation spends which budget: sensible for every one of the API and of the pages."""

import pytest

from app.auth.access import PAGES, ROUTES, Access
from app.kit.pace import Budget, spend
from app.ratelimits.models import _BY_OPERATION, Policy, headers_of, policy_of


def test_the_table_names_operations_that_exist() -> None:
    assert set(_BY_OPERATION) <= {*ROUTES, *PAGES}


def test_whatever_proves_a_password_or_a_refresh_token_has_the_strict_budget() -> None:
    proofs = {
        *("auth_signup", "auth_signin", "auth_refresh", "auth_password_change"),
        *("dashboard_sign_in", "dashboard_account_password"),
    }
    for operation in proofs:
        assert policy_of(operation, is_known=False, is_read=False) is Policy.SIGN_IN
        assert policy_of(operation, is_known=True, is_read=False) is Policy.SIGN_IN


@pytest.mark.parametrize("operation", ["get_health", "get_liveness", "get_readiness", "get_metrics"])
def test_probes_and_scrapers_are_never_counted(operation: str) -> None:
    assert policy_of(operation, is_known=False, is_read=True) is None


def test_everything_else_is_counted_by_who_asks_and_what_it_does() -> None:
    for operation, need in {**ROUTES, **PAGES}.items():
        if operation in _BY_OPERATION:
            continue
        assert policy_of(operation, is_known=True, is_read=True) is Policy.READS
        assert policy_of(operation, is_known=True, is_read=False) is Policy.WRITES
        if need is Access.PUBLIC:
            assert policy_of(operation, is_known=False, is_read=True) is Policy.ANONYMOUS
    assert policy_of("no_such_operation", is_known=False, is_read=False) is Policy.ANONYMOUS


def test_the_headers_have_the_form_of_the_draft() -> None:
    decision = spend(Budget(2000, 2), whole_at=0, now=0)
    assert headers_of(Policy.READS, decision) == [
        (b"ratelimit-policy", b'"reads";q=2000;w=2'),
        (b"ratelimit", b'"reads";r=1999;t=1'),
    ]
