"""The alarms of Prometheus as the operator on Kubernetes wants them: drawn from `deploy/prometheus/rules`."""

import yaml

from tests.house.sources import ROOT

RULES = "deploy/k8s/components/monitoring/rules.yaml"
_SOURCES = ROOT / "deploy" / "prometheus" / "rules"
_HEAD = "# Drawn from deploy/prometheus/rules by `python -m tests.house.pages`; change the alarms there.\n"


def rules_page() -> str:
    """Return every group of Prometheus's own files in one PrometheusRule; the page as it is where there are none."""
    files = sorted(_SOURCES.glob("*.yml"))
    if not files:
        return (ROOT / RULES).read_text(encoding="utf-8")
    groups = [group for file in files for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]]
    document = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "payment-gateway", "labels": {"app.kubernetes.io/name": "payment-gateway"}},
        "spec": {"groups": groups},
    }
    return _HEAD + yaml.safe_dump(document, sort_keys=False, width=120, allow_unicode=True)
