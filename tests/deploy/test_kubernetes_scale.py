"""The manifests of Kubernetes: who reaches whom, how many there are, and who may be taken away."""

import ipaddress

import pytest

from tests.deploy.kubernetes import OVERLAYS, containers, named, of_kind, pods, selects

_EACH = pytest.mark.parametrize("overlay", OVERLAYS)
_PRIVATE = ("10.1.2.3", "172.20.0.1", "192.168.1.1", "169.254.169.254", "127.0.0.1", "100.64.0.1", "fd00::1", "fe80::1")
# Pods that are not ours, but live for a while in the namespace: cert-manager's proof that the host name is ours.
_GUESTS = ({"acme.cert-manager.io/http01-solver": "true"},)


def labels_of(overlay):
    return [template["metadata"]["labels"] for _, template in pods(overlay)]


def policies_on(overlay, component):
    """Return the network policies that a component's pods are under."""
    labels = next(labels for labels in labels_of(overlay) if labels["app.kubernetes.io/component"] == component)
    return [policy for policy in of_kind(overlay, "NetworkPolicy") if selects(policy["spec"]["podSelector"], labels)]


def ports_out_of(overlay, component):
    """Return the ports at which a component may reach anybody."""
    rules = [rule for policy in policies_on(overlay, component) for rule in policy["spec"].get("egress", ())]
    return {port["port"] for rule in rules for port in rule["ports"]}


def peers(rules, side):
    return [peer for rule in rules for peer in rule[side]]


@_EACH
def test_nobody_speaks_to_anybody_unless_it_is_said(overlay):
    (deny,) = (policy for policy in of_kind(overlay, "NetworkPolicy") if policy["metadata"]["name"] == "default-deny")
    assert deny["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for policy in of_kind(overlay, "NetworkPolicy"):
        spec = policy["spec"]
        assert set(spec["policyTypes"]) >= {side.title() for side in ("ingress", "egress") if side in spec}, named(
            policy
        )
        for side, place in (("ingress", "from"), ("egress", "to")):
            for rule in spec.get(side, ()):
                assert rule[place], f"{named(policy)}: a rule without peers lets everybody through"
                assert rule["ports"], f"{named(policy)}: a rule without ports opens all of them"


@_EACH
def test_every_policy_means_pods_that_there_are(overlay):
    there = [*labels_of(overlay), *_GUESTS]
    for policy in of_kind(overlay, "NetworkPolicy"):
        spec = policy["spec"]
        inner = [spec["podSelector"]]
        for side, place in (("ingress", "from"), ("egress", "to")):
            inner += [peer["podSelector"] for peer in peers(spec.get(side, ()), place) if "podSelector" in peer]
        for selector in inner:
            assert any(selects(selector, labels) for labels in there), f"{named(policy)}: {selector} means nobody"


@_EACH
def test_a_named_port_of_a_policy_is_one_of_its_pods(overlay):
    ports = {
        labels["app.kubernetes.io/component"]: {
            port["name"]: port["containerPort"]
            for container in template["spec"]["containers"]
            for port in container.get("ports", ())
        }
        for labels, (_, template) in zip(labels_of(overlay), pods(overlay), strict=True)
    }
    for policy in of_kind(overlay, "NetworkPolicy"):
        for labels in labels_of(overlay):
            if not selects(policy["spec"]["podSelector"], labels):
                continue
            known = ports[labels["app.kubernetes.io/component"]]
            asked = {port["port"] for rule in policy["spec"].get("ingress", ()) for port in rule["ports"]}
            assert asked <= {*known, *known.values()}, named(policy)


def test_the_api_of_production_is_reached_from_the_ingress_and_the_scraper_alone():
    found = [
        peer for policy in policies_on("production", "api") for peer in peers(policy["spec"].get("ingress", ()), "from")
    ]
    spaces = [peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for peer in found]
    assert sorted(spaces) == ["ingress-nginx", "monitoring"]


@pytest.mark.parametrize("component", ["worker", "backup"])
@_EACH
def test_nobody_reaches_a_worker_or_a_backup_but_the_scraper_the_worker_s_metrics(overlay, component):
    found = [policy["metadata"]["name"] for policy in policies_on(overlay, component) if policy["spec"].get("ingress")]
    is_scraped = (overlay, component) == ("production", "worker")
    assert found == (["worker-from-prometheus"] if is_scraped else [])


@_EACH
def test_everybody_finds_names_and_who_needs_it_the_database(overlay):
    for component in ("api", "worker", "backup"):
        open_ports = ports_out_of(overlay, component)
        assert {53, 27017} <= open_ports
        assert (443 in open_ports) == (component != "backup")


def test_the_worker_of_development_alone_reaches_the_postbox_which_reaches_nobody():
    (policy,) = (found for found in policies_on("development", "postbox") if found["metadata"]["name"] == "postbox")
    assert policy["spec"]["egress"] == []
    for component in ("api", "worker", "backup"):
        assert ({8025, 1025} <= ports_out_of("development", component)) == (component == "worker")


@_EACH
def test_an_address_that_a_merchant_enters_leads_only_into_the_internet(overlay):
    (policy,) = (found for found in policies_on(overlay, "worker") if "internet" in found["metadata"]["name"])
    (rule,) = policy["spec"]["egress"]
    assert rule["ports"] == [{"protocol": "TCP", "port": 443}]
    blocks = [peer["ipBlock"] for peer in rule["to"]]
    for text in _PRIVATE:
        address = ipaddress.ip_address(text)
        for block in blocks:
            is_inside = address in ipaddress.ip_network(block["cidr"])
            assert not is_inside or any(address in ipaddress.ip_network(one) for one in block["except"]), text


@_EACH
def test_services_lead_to_pods_and_ports_that_there_are(overlay):
    for service in of_kind(overlay, "Service"):
        meant = [
            template
            for _, template in pods(overlay)
            if selects({"matchLabels": service["spec"]["selector"]}, template["metadata"]["labels"])
        ]
        assert len(meant) == 1, named(service)
        (container,) = meant[0]["spec"]["containers"]
        known = {port["name"]: port["containerPort"] for port in container["ports"]}
        for port in service["spec"]["ports"]:
            assert port.get("targetPort", port["port"]) in {*known, *known.values()}, named(service)


def test_the_ingress_leads_to_the_api():
    (ingress,) = of_kind("production", "Ingress")
    (rule,) = ingress["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    services = {service["metadata"]["name"]: service for service in of_kind("production", "Service")}
    backend = path["backend"]["service"]
    assert backend["port"]["name"] in {port["name"] for port in services[backend["name"]]["spec"]["ports"]}


def test_autoscalers_scale_what_is_there_and_nobody_contradicts_them():
    deployments = {found["metadata"]["name"]: found for found in of_kind("production", "Deployment")}
    requests = {name.split("/")[1]: one["resources"]["requests"] for name, _, one in containers("production")}
    scalers = of_kind("production", "HorizontalPodAutoscaler")
    assert {scaler["spec"]["scaleTargetRef"]["name"] for scaler in scalers} == deployments.keys()
    for scaler in scalers:
        spec = scaler["spec"]
        assert spec["scaleTargetRef"]["kind"] == "Deployment"
        # An apply would set the number back, and a share of nothing is no measure.
        assert "replicas" not in deployments[spec["scaleTargetRef"]["name"]]["spec"]
        assert "cpu" in requests[spec["scaleTargetRef"]["name"]]
        assert 2 <= spec["minReplicas"] < spec["maxReplicas"]


@_EACH
def test_a_node_can_be_drained_and_takes_one_pod_of_a_kind_at_a_time(overlay):
    for budget in of_kind(overlay, "PodDisruptionBudget"):
        spec = budget["spec"]
        assert "minAvailable" not in spec, "it would hold the node up when there are no more pods than that"
        assert spec["maxUnavailable"] == 1
        assert spec["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
        assert sum(selects(spec["selector"], labels) for labels in labels_of(overlay)) == 1, named(budget)
    budgets = {budget["metadata"]["name"] for budget in of_kind(overlay, "PodDisruptionBudget")}
    assert budgets == {"api", "worker"}


def test_pods_of_a_kind_are_spread_over_nodes_and_zones():
    for name, template in pods("production"):
        if not name.startswith("Deployment/"):
            continue
        spread = template["spec"]["topologySpreadConstraints"]
        assert {one["topologyKey"] for one in spread} == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}
        assert all(selects(one["labelSelector"], template["metadata"]["labels"]) for one in spread), name
