"""The style guide, rule by rule: the house keeps it, and the rule would notice if it did not."""

import pytest

from tests.house.rules import Rule
from tests.house.sources import Source, sources
from tests.house.style import RULES

_ALL = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)


@pytest.mark.parametrize("rule", [rule for rule in RULES if not rule.rows], ids=lambda rule: rule.name)
def test_the_house_keeps_the_rule(rule: Rule) -> None:
    check(rule)


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.rows], ids=lambda rule: rule.name)
def test_n13_p10_r6_s16_t3_the_house_keeps_the_rules_that_failures_taught(rule: Rule) -> None:
    check(rule)


def check(rule: Rule) -> None:
    """Fail with the remedy and every place that breaks the rule."""
    findings = [
        finding for source in sources("app", "razorpay_simulator", "tests") for finding in rule.findings(source)
    ]
    assert not findings, f"{rule.remedy}\n" + "\n".join(map(str, findings))


@_ALL
def test_a_planted_offender_is_caught(rule: Rule) -> None:
    assert rule.findings(Source.of(rule.sample_path, rule.sample))


@_ALL
def test_the_remedy_passes(rule: Rule) -> None:
    assert not rule.findings(Source.of(rule.sample_path, rule.remedied))


@_ALL
def test_no_exemption_outlives_its_reason(rule: Rule) -> None:
    found = {
        f"{source.path}::{what}"
        for source in sources("app", "razorpay_simulator", "tests")
        if rule.where(source.path)
        for _, what in rule.find(source)
    }
    assert not set(rule.exempt) - found, f"remove these exemptions of {rule.name}: {set(rule.exempt) - found}"


@pytest.mark.parametrize(
    ("name", "sample"),
    [
        ("clock", "import time\nat = time.time()\n"),
        ("clock", "import datetime\nat = datetime.datetime.utcnow()\n"),
        ("t3-float", "rupees = float(amount)\n"),
        ("t3-float", "amount /= 100\n"),
        ("p10-lost-task", "asyncio.ensure_future(g())\n"),
        ("p10-lost-task", "asyncio.get_running_loop().create_task(g())\n"),
        ("tls", "context.check_hostname = False\n"),
        ("tls", "context.verify_mode = ssl.CERT_NONE\n"),
        ("s16-compare", 'ok = document["token"] != given\n'),
        ("s16-compare", "ok = hmac.new(key, body, sha256).hexdigest() == given\n"),
        ("s16-compare", "ok = self.api_key_digest == given\n"),
        ("singleton", "def f():\n    global known\n    known = 1\n"),
        ("singleton", "clock = SystemClock()\n"),
        ("singleton", 'known = {"a": 1}\ndef f():\n    known["b"] = 2\n'),
        ("singleton", "known = defaultdict(list)\n"),
    ],
)
def test_other_ways_to_break_a_rule_are_caught_too(name: str, sample: str) -> None:
    rule = next(rule for rule in RULES if rule.name == name)
    assert rule.findings(Source.of(rule.sample_path, sample))
