"""The alarms: each is tested, rests on what the service really tells, reaches somebody, and has a playbook."""

import asyncio
import contextlib
import itertools
import shutil
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import yaml

from app.health.exporter import exporting
from app.health.exposition import Scraper
from app.local.ports import free_port
from app.web.metrics import Metrics
from tests.deploy.monitoring import (
    ALERTMANAGER,
    DEPLOY,
    GUIDE,
    LABELS_OF_A_SCRAPE,
    OF_THE_WATCHERS,
    PROMETHEUS,
    ROOT,
    Query,
    alertmanager,
    alerts,
    dashboards,
    exposed,
    playbook,
    playbooks,
    queries,
    ran,
    recorded,
    unit_tests,
    unknown_metrics,
)
from tests.deploy.watchers import Alertmanager, Called, Prometheus, ended, metrics_of
from tests.world import running_world

ALWAYS_ON = "Watchdog"
PROGRAMS = ("promtool", "amtool", Prometheus.PROGRAM, Alertmanager.PROGRAM)
TOKEN = "scraper-token-of-a-test"
needs_programs = pytest.mark.skipif(
    any(shutil.which(program) is None for program in PROGRAMS), reason="prometheus and alertmanager are not installed"
)


def files(pattern: str) -> list[str]:
    return [str(file) for file in sorted(PROMETHEUS.glob(pattern))]


@needs_programs
def test_the_rules_and_both_configurations_are_valid() -> None:
    for command in (
        ("promtool", "check", "rules", *files("rules/*.yml")),
        # The token's file is there in the deployment only.
        ("promtool", "check", "config", "--syntax-only", str(PROMETHEUS / "prometheus.yml")),
        ("amtool", "check-config", str(ALERTMANAGER)),
    ):
        status, said = ran(*command)
        assert status == 0, said


@needs_programs
def test_every_rule_does_what_its_unit_tests_say() -> None:
    status, said = ran("promtool", "test", "rules", *files("tests/*.yml"))
    assert status == 0, said


@needs_programs
@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        (("alertname=ServiceDown", "severity=page"), "page"),
        (("alertname=RefundsOverdue", "severity=ticket"), "ticket"),
        (("alertname=Watchdog", "severity=none"), "heartbeat"),
        (("alertname=SomethingNew",), "ticket"),
    ],
)
def test_alarms_find_their_way(labels: tuple[str, ...], receiver: str) -> None:
    status, said = ran(
        "amtool", "config", "routes", "test", f"--config.file={ALERTMANAGER}", f"--verify.receivers={receiver}", *labels
    )
    assert status == 0, said


def test_every_alarm_has_a_unit_test_that_rings_and_one_that_does_not() -> None:
    tested = set(unit_tests())
    for name in alerts():
        assert (name, True) in tested, f"{name}: write a unit test in which it rings (deploy/prometheus/tests)"
        if name != ALWAYS_ON:
            assert (name, False) in tested, f"{name}: write a unit test in which it is silent"
    assert {name for name, _ in tested} <= set(alerts()), "a unit test is about an alarm that is gone"


def test_every_alarm_has_a_playbook_and_every_playbook_its_alarm() -> None:
    assert sorted(playbooks()) == sorted(alerts())
    parts = ("**For money.**", "**Look at.**", "**Do.**", "**Over when**")
    for name in alerts():
        missing = [part for part in parts if part not in playbook(name)]
        assert not missing, f"{GUIDE.name}, {name}: say {missing}"


def test_every_alarm_says_how_loud_it_is_what_happened_and_where_to_read_on() -> None:
    for name, alert in alerts().items():
        severity, notes = alert["labels"]["severity"], alert["annotations"]
        # One alarm is louder for live money than for test money.
        assert severity in {"page", "ticket", "none"} or name == "WebhookSilence", name
        assert notes["runbook_url"] == f"{GUIDE.relative_to(ROOT).as_posix()}#{name.lower()}"
        assert notes["summary"].endswith("."), name
        assert notes["description"].endswith("."), name


def test_what_an_alarm_silences_are_alarms() -> None:
    for rule in alertmanager()["inhibit_rules"]:
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            names = matcher.rpartition(" ")[2].strip('"').split("|")
            assert set(names) <= set(alerts()), matcher


async def test_every_metric_of_a_rule_or_a_panel_is_told_by_the_service(shared_world) -> None:
    answer = await shared_world.ask("GET", "/metrics")
    assert answer.status == 200
    assert not unknown_metrics(queries(), exposed(answer.body.decode()))


def test_a_metric_that_nobody_tells_is_noticed() -> None:
    planted = Query("Here", 'sum by (mode) (rate(payment_movs_total{mode="live", status=~"a|b"}[5m])) > 0 or up == 0')
    assert unknown_metrics([planted], {"payment_moves_total"}) == ["Here: payment_movs_total"]
    assert planted.labels == {"mode", "status"}


def test_every_label_of_a_rule_or_a_panel_is_one_of_its_metrics() -> None:
    labels = {name: set(found._labelnames) for name, found in metrics_by_name().items()}
    for query in queries():
        known = set().union(*(labels.get(name, set()) for name in query.metrics))
        if query.metrics & labels.keys():
            strange = query.labels - known - LABELS_OF_A_SCRAPE
            assert not strange, f"{query.where}: no metric of {sorted(query.metrics)} has the labels {strange}"


def test_no_label_of_ours_names_a_merchant_or_a_thing() -> None:
    for name, found in metrics_by_name().items():
        unbounded = {"tenant", "merchant", "id", "path", "payment", "email"} & set(getattr(found, "_labelnames", ()))
        assert not unbounded, f"{name}: {unbounded}"


def metrics_by_name() -> dict:
    named = Metrics.create().registry._names_to_collectors
    return {name: found for name, found in named.items() if hasattr(found, "_labelnames")}


@needs_programs
def test_every_panel_s_expression_is_understood(tmp_path) -> None:
    written = [
        {"record": f"panel_{number}", "expr": query.text.replace("$__rate_interval", "1m")}
        for number, query in enumerate(queries())
    ]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": written}]}))
    status, said = ran("promtool", "check", "rules", str(file))
    assert status == 0, said


def test_the_dashboards_are_such_as_grafana_reads() -> None:
    sources = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text())["datasources"]
    uids = [dashboard["uid"] for dashboard in dashboards()]
    assert len(uids) == len(set(uids)) == 4
    for dashboard in dashboards():
        assert dashboard["schemaVersion"] == 39
        assert dashboard["title"]
        assert dashboard["time"]
        panels = dashboard["panels"]
        assert [panel["id"] for panel in panels] == list(range(1, len(panels) + 1))
        for panel in panels:
            assert panel["type"] in {"stat", "timeseries"}
            assert panel["title"]
            assert panel["datasource"]["uid"] in {source["uid"] for source in sources}
            assert [target["refId"] for target in panel["targets"]] == list("ABCDEF"[: len(panel["targets"])])
        assert not overlapping(panels)


def overlapping(panels: list) -> list[str]:
    def cells(panel):
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        across = range(place["x"], place["x"] + place["w"])
        return set(itertools.product(across, range(place["y"], place["y"] + place["h"])))

    pairs = itertools.combinations(panels, 2)
    return [f"{one['title']} and {other['title']}" for one, other in pairs if cells(one) & cells(other)]


def test_the_objective_is_recorded_for_every_window() -> None:
    windows = {f"payments_created:errors:ratio_rate{window}" for window in ("5m", "30m", "1h", "6h", "3d")}
    assert windows <= recorded()


async def until(what: str, is_true: Callable, *, seconds: float = 120) -> None:
    """Look until something is true."""
    try:
        async with asyncio.timeout(seconds):
            while not await is_true():
                await asyncio.sleep(0.2)
    except TimeoutError:
        pytest.fail(f"not within {seconds} s: {what}")


@needs_programs
async def test_when_the_service_goes_down_somebody_is_called(mongodb_url, database_name, tmp_path) -> None:
    """A real Prometheus with our rules scrapes a real API and a worker's door; Alertmanager calls the pager."""
    called, stopping, worker_port = Called(), asyncio.Event(), free_port()
    folders = [tmp_path / name for name in ("alertmanager", "prometheus")]
    for folder in folders:
        folder.mkdir()
    manager, prometheus = Alertmanager(folders[0]), Prometheus(folders[1])
    async with asyncio.TaskGroup() as receiving, contextlib.AsyncExitStack() as product:
        receiving.create_task(called.serve(stopping))
        product.callback(stopping.set)
        product.enter_context(ended(prometheus, manager))
        world = running_world(mongodb_url, f"{database_name}-watched", metrics_token=TOKEN)
        api = await product.enter_async_context(contextlib.AsyncExitStack())
        running = await api.enter_async_context(world)
        wiring, scraper = running.wiring, Scraper(token=TOKEN, is_production=True)
        door = exporting(wiring.health, wiring.metrics, scraper, host="127.0.0.1", port=worker_port)
        await api.enter_async_context(door)
        manager.start(called)
        await manager.is_up()
        targets = {
            "api": running.url.removeprefix("http://"),
            "worker": f"127.0.0.1:{worker_port}",
            "prometheus": f"127.0.0.1:{prometheus.port}",
            "alertmanager": f"127.0.0.1:{manager.port}",
        }
        prometheus.start(targets, alertmanager_port=manager.port, token=TOKEN)
        await prometheus.is_up()

        async def everything_is_scraped():
            return await prometheus.value("count(max_over_time(up[5m]) == 1)") == len(targets)

        async def the_heartbeat_is_called():
            return called.told("heartbeat", ALWAYS_ON)

        await until("every target is up", everything_is_scraped)
        await until("the heartbeat is called", the_heartbeat_is_called)
        assert await prometheus.value("max(database_up)") == 1
        own = exposed(await metrics_of(prometheus.port)) | exposed(await metrics_of(manager.port))
        asked = {name for query in queries() for name in query.metrics if name.startswith(OF_THE_WATCHERS)}
        assert asked <= own

        await api.aclose()
        closed_at = datetime.now(UTC)

        async def the_pager_is_called():
            told = called.told("page", "ServiceDown")
            return any(datetime.fromisoformat(one["startsAt"]) > closed_at for one in told)

        await until("the pager is called", the_pager_is_called)
        message = called.told("page", "ServiceDown")[-1]
        assert message["labels"]["severity"] == "page"
        assert message["annotations"]["runbook_url"] == "docs/guides/incidents.md#servicedown"
