"""What is counted of what banks do: disputes, and what the processor pays out; `metrics.py` has the rest."""

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge


@dataclass(frozen=True, slots=True)
class DisputeMetrics:
    """What is counted of disputes."""

    moves: Counter
    checks: Counter
    unanswered: Gauge

    @classmethod
    def create(cls, where: CollectorRegistry) -> "DisputeMetrics":
        """Return the metrics on a registry."""
        return cls(
            moves=Counter(
                "dispute_moves",
                "Disputes that came into a status, by who told us.",
                ("status", "source"),
                registry=where,
            ),
            checks=Counter(
                "dispute_checks", "Disputes looked at with the processor, by end.", ("end",), registry=where
            ),
            unanswered=Gauge(
                "disputes_unanswered", "Open disputes that nobody answered two days before the last.", registry=where
            ),
        )


@dataclass(frozen=True, slots=True)
class SettlementMetrics:
    """What is counted of settlements."""

    moves: Counter
    reconciled: Counter
    differing: Gauge

    @classmethod
    def create(cls, where: CollectorRegistry) -> "SettlementMetrics":
        """Return the metrics on a registry."""
        return cls(
            moves=Counter("settlement_moves", "Settlements that came into a status.", ("status",), registry=where),
            reconciled=Counter(
                "settlement_comparisons",
                "Settlements compared with what is here, by how they agreed.",
                ("agreement",),
                registry=where,
            ),
            differing=Gauge(
                "settlements_differing",
                "Settlements of the last week that are not as what is known here.",
                registry=where,
            ),
        )
