"""The table that a successful start prints."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from app.local.plan import RunPlan

_WIDTH = 14
_LABELS = {"email": "E-mail", "password": "Password", "key_id": "Key id", "key_secret": "Key secret"}


def table(plan: RunPlan, *, database_url: str, seconds: float, account: Mapping[str, object] | None) -> list[str]:
    """Return the lines that say what is where."""
    lines = ["", f"The Payment Gateway API is running (ready in {seconds:.1f} s).", ""]
    lines += [_row(*row) for row in _places(plan, database_url)]
    if account:
        lines += ["", "  Demo account"]
        lines += [_row(f"  {_label(name)}", str(value)) for name, value in account.items() if _is_plain(value)]
    return [*lines, "", "  Try `make demo` in another terminal. Stop with Ctrl-C; the data stays.", ""]


def _places(plan: RunPlan, database_url: str) -> list[tuple[str, str]]:
    places = [
        ("API", plan.api_url),
        ("Dashboard", f"{plan.api_url}/dashboard"),
        ("Swagger UI", f"{plan.api_url}/docs"),
        ("ReDoc", f"{plan.api_url}/redoc"),
    ]
    if plan.uses_simulator:
        places.append(("Simulator", f"{plan.simulator_url}   (plays Razorpay; no real money moves)"))
    else:
        places.append(("Processor", plan.razorpay_base_url or "Razorpay, with your key"))
    if plan.has_postbox:
        places.append(("Postbox", f"{plan.postbox_url}   (takes mail and SMS; nothing leaves this machine)"))
    if plan.uses_embedded_database:
        places.append(("Database", f"{database_url}   (data in {plan.data_dir / 'mongod'})"))
    else:
        places.append(("Database", _without_password(database_url)))
    return [*places, ("Logs", str(plan.logs))]


def _row(label: str, value: str) -> str:
    return f"  {label:<{_WIDTH}}  {value}"


def _label(name: str) -> str:
    return _LABELS.get(name) or name.replace("_", " ").capitalize()


def _is_plain(value: object) -> bool:
    return isinstance(value, (str, int)) and value != ""


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
