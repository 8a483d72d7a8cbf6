"""Reports: which verbs may read from a member that is behind the primary, and that no other does."""

import ast
from collections.abc import Iterator

from tests.house.sources import Source, calls, dotted, sources

_VIEW = "reports"

# Who is given the database as reports see it, and as what. `class.attribute`, in the file of the class.
_HOLDERS = {"Ledger.past": "app/ledger/service.py", "Analytics.store": "app/analytics/service.py"}

# Which verbs read through it, and why something some seconds old does there.
MAY_BE_BEHIND = {
    "Ledger.export_entries": "what was booked over five minutes ago; the rest comes from the primary",
    "Ledger.get_trial_balance": "of a moment over five minutes ago; every later one comes from the primary",
    "Analytics.get_overview": "half hours that a worker counts some seconds later anyway",
}

# Whom the wiring hands it to.
_BUILT = {"EntryStore", "BookStore", "Readers", "AnalyticsStore", "ledger_of", "analytics_of"}


def handed_to(source: Source) -> Iterator[str]:
    """Yield whatever is called with the database as reports see it."""
    for call, name in calls(source.tree):
        given = [*call.args, *(word.value for word in call.keywords)]
        if any(isinstance(one, ast.Name) and one.id == _VIEW for one in given):
            yield name


def verbs_by(source: Source, holder: str) -> Iterator[str]:
    """Yield the methods of a class that use an attribute of it."""
    owner, _, attribute = holder.partition(".")
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ClassDef) and node.name == owner:
            for method in node.body:
                if any(_is_own(part, attribute) for part in ast.walk(method)) and not isinstance(method, ast.AnnAssign):
                    yield f"{owner}.{getattr(method, 'name', '?')}"


def _is_own(node: ast.AST, attribute: str) -> bool:
    return isinstance(node, ast.Attribute) and dotted(node) == f"self.{attribute}"


def test_only_these_verbs_read_what_may_be_behind() -> None:
    of = {source.path: source for source in sources("app")}
    found = {verb for holder, path in _HOLDERS.items() for verb in verbs_by(of[path], holder)}
    assert found == set(MAY_BE_BEHIND), (
        "a verb that decides about money, or is asked right after a write, reads from the primary; of another "
        f"say in MAY_BE_BEHIND why it may be behind: {sorted(found ^ set(MAY_BE_BEHIND))}"
    )


def test_only_the_wiring_hands_out_the_database_as_reports_see_it() -> None:
    makers = {
        source.path for source in sources("app") for _, name in calls(source.tree) if name.endswith("for_reports")
    }
    assert makers == {"app/wiring.py"}
    assert {name for source in sources("app") for name in handed_to(source)} == _BUILT


def test_a_verb_that_reads_what_may_be_behind_is_noticed() -> None:
    planted = Source.of(
        "x.py", "class Ledger:\n    past: int\n    async def seal(self):\n        await self.past.store.find()\n"
    )
    assert list(verbs_by(planted, "Ledger.past")) == ["Ledger.seal"]
    assert list(handed_to(Source.of("x.py", "PaymentStore(reports)"))) == ["PaymentStore"]
