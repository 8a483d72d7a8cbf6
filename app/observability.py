"""Optional sight: error tracking and traces, each switched on by one setting and an extra package."""

from types import ModuleType
from typing import Any

from app.config import Settings
from app.kit.extras import load_extra
from app.kit.logs import scrub

_OFF = {"tracing": False, "metrics": False, "logs": False}
_SAMPLED = 0.05


def start_error_tracking(settings: Settings) -> None:
    """Send unexpected errors to Sentry, without bodies or personal data, if a DSN is set. Raises ExtraMissing."""
    dsn = settings.sentry_dsn.get_secret_value()
    if not dsn:
        return
    sentry = load_extra("sentry_sdk", setting="SENTRY_DSN", extra="sentry")
    sentry.init(
        dsn=dsn,
        environment=settings.environment.value,
        send_default_pii=False,
        max_request_body_size="never",
        include_local_variables=False,
        before_send=scrubbed_event,
    )


def scrubbed_event(event: dict[str, Any], _hint: dict[str, Any]) -> dict[str, Any]:
    """Return an event without secrets and personal data: what an error says may quote what it met (T6)."""
    request = event.get("request", {})
    kept = {name: request[name] for name in ("method", "url") if name in request}
    cleaned: dict[str, Any] = _scrubbed({**event, "request": kept})
    return cleaned


def _scrubbed(value: Any) -> Any:
    match value:
        case str():
            return scrub(value)
        case dict():
            return {name: _scrubbed(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_scrubbed(inner) for inner in value]
        case _:
            return value


def telemetry_of(settings: Settings) -> dict[str, Any]:
    """Return the `telemetry` argument of FastAPI: one span for each of a sample of requests, or nothing at all.

    Logs stay off because FastAPI's carry the values of refused requests. Raises ExtraMissing.
    """
    if not settings.otel_exporter_otlp_endpoint:
        return dict(_OFF)
    exporters = _otel("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    provider = _otel("opentelemetry.sdk.trace").TracerProvider(
        sampler=_otel("opentelemetry.sdk.trace.sampling").ParentBasedTraceIdRatio(_SAMPLED)
    )
    exporter = exporters.OTLPSpanExporter(endpoint=f"{settings.otel_exporter_otlp_endpoint}/v1/traces")
    provider.add_span_processor(_otel("opentelemetry.sdk.trace.export").BatchSpanProcessor(exporter))
    return {**_OFF, "tracing": True, "operation_spans": False, "tracer_provider": provider}


def _otel(module: str) -> ModuleType:
    return load_extra(module, setting="OTEL_EXPORTER_OTLP_ENDPOINT", extra="otel")
