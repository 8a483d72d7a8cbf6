"""The reverse proxy with our configuration: what it lets through, what it refuses, what it answers by itself."""

import asyncio
import importlib
import json
import ssl
import time

import aiohttp
import pytest

from app.kit.errors import catalogue
from tests.deploy.attacks import ATTACKS, HOST, Target, exchange, smuggling_cases
from tests.deploy.edge import CONFIGURATION, NAME, Edge, running_edge


@pytest.fixture
def target(edge: Edge) -> Target:
    return Target(NAME, edge.nginx.http, edge.nginx.https, edge.nginx.trust)


async def test_its_configuration_is_right(edge):
    checked = edge.nginx.check()
    assert checked.returncode == 0, checked.stderr
    assert "[warn]" not in checked.stderr


async def test_a_page_is_sent_to_https_and_a_program_is_refused(edge):
    plain = f"http://{NAME}:{edge.nginx.http}"
    async with edge.session.get(f"{plain}/dashboard/payments?after=x", allow_redirects=False) as answer:
        assert answer.status == 308
        assert answer.headers["location"] == f"https://{NAME}/dashboard/payments?after=x"
    async with edge.session.post(f"{plain}/api/v1/payments", json={}) as answer:
        assert answer.status == 403
        assert (await answer.json())["error"]["code"] == "https_required"


async def test_it_speaks_http_2_and_modern_tls_only(edge):
    context = ssl.create_default_context(cafile=edge.nginx.folder / "tls.crt")
    context.set_alpn_protocols(["h2", "http/1.1"])
    _, writer = await asyncio.open_connection(HOST, edge.nginx.https, ssl=context, server_hostname=NAME)
    spoken = writer.get_extra_info("ssl_object")
    assert spoken.selected_alpn_protocol() == "h2"
    assert spoken.version() == "TLSv1.3"
    # Not closed politely: an HTTP/2 server goes on telling its settings.
    writer.transport.abort()


async def test_a_request_id_goes_through_and_the_log_keeps_no_credential_of_a_page(edge):
    ours = "edge-test-0123456789"
    async with edge.session.get(f"{edge.nginx.url}/health", headers={"X-Request-Id": ours}) as answer:
        assert answer.headers["x-request-id"] == ours
        assert answer.headers["strict-transport-security"]
    async with edge.session.get(f"{edge.nginx.url}/pay/a-secret-of-a-customer?email=a@example.com") as answer:
        assert answer.status == 404
    # The line is written when the request has ended, a moment after its answer.
    deadline = time.monotonic() + 5
    while ours not in (log := edge.nginx.access_log()) or '"/pay/' not in log:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    lines = [json.loads(line) for line in log.splitlines()]
    assert any(line["request_id"] == ours and line["status"] == 200 for line in lines)
    assert "a-secret-of-a-customer" not in log
    assert "example.com" not in log


async def test_what_it_answers_by_itself_has_the_api_s_envelope_and_a_known_code(edge, target):
    importlib.import_module("app.main")
    known = {problem.code for problem in catalogue()}
    text = (CONFIGURATION / "errors.conf").read_text(encoding="utf-8")
    bodies = [line.split("'")[1] for line in text.splitlines() if '"status":"error"' in line]
    codes = {json.loads(body)["error"]["code"] for body in bodies}
    assert len(bodies) >= 8
    assert codes <= known
    async with edge.session.post(f"{edge.nginx.url}/api/v1/payments", data=b" " * 70_000) as answer:
        assert answer.status == 413
        assert set((await answer.json())["error"]) == {"code", "message", "details", "param", "doc_url", "request_id"}
    async with edge.session.get(f"{edge.nginx.url}/metrics") as answer:
        assert answer.status == 404


async def test_files_are_compressed_and_kept_and_json_is_neither(edge):
    async with edge.session.get(f"{edge.nginx.url}/dashboard/sign-in") as page:
        style = next(part for part in (await page.text()).split('"') if part.startswith("/static/") and ".css" in part)
    states = []
    for _ in range(2):
        async with edge.session.get(edge.nginx.url + style) as answer:
            assert answer.headers["content-encoding"] == "gzip"
            assert "immutable" in answer.headers["cache-control"]
            states.append(answer.headers["x-cache"])
    assert states == ["MISS", "HIT"]
    async with edge.session.get(f"{edge.nginx.url}/openapi.json") as answer:
        assert "content-encoding" not in answer.headers


async def test_sign_in_has_a_budget_of_its_own_and_a_429_says_when_to_come_back(mongodb_url, tmp_path):
    async with running_edge(mongodb_url, tmp_path) as edge:

        async def sign_in():
            async with edge.session.post(f"{edge.nginx.url}/api/v1/auth/signin", json={}) as answer:
                if answer.status == 429 and answer.headers.get("server") == "nginx":
                    assert answer.headers["retry-after"]
                    assert (await answer.json())["error"]["code"] == "too_many_requests"
                return answer.status

        # At once: a budget that is filled again while they come one by one may last for all of them.
        assert set(await asyncio.gather(*(sign_in() for _ in range(40)))) == {422, 429}
        async with edge.session.get(f"{edge.nginx.url}/health") as answer:
            assert answer.status == 200


@pytest.mark.parametrize("name", [name for name in ATTACKS if name not in {"slow headers", "stalled bodies"}])
async def test_n1_n9_n10_an_attack_is_refused(target, name):
    outcome = await ATTACKS[name](target)
    assert outcome.was_refused, outcome.told


async def test_n10_no_hidden_request_reaches_the_service(edge, target):
    for sent in smuggling_cases(NAME).values():
        await exchange(target, sent, seconds=5)
    assert '"/smuggled"' not in edge.nginx.access_log()


async def test_n2_slow_clients_are_closed_and_a_good_one_is_served_all_the_while(edge, target):
    attack = asyncio.gather(*(ATTACKS[name](target) for name in ("slow headers", "stalled bodies", "dripping bodies")))
    served = 0
    while not attack.done():
        async with edge.session.get(f"{edge.nginx.url}/health", timeout=aiohttp.ClientTimeout(total=10)) as answer:
            assert answer.status == 200
        served += 1
        await asyncio.sleep(0.02)
    for outcome in await attack:
        assert outcome.was_refused, outcome.told
    # How much it notices is a matter of `make attack`, which compares its times.
    assert served > 20
