"""How each rule of style is found in source text, and where it holds; `style.py` is the table of the rules."""

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from tests.house.sources import Finding, Source, calls, dotted, functions, nesting

Find = Callable[[Source], Iterator[tuple[int, str]]]
Where = Callable[[str], bool]

FILE_LINES, FUNCTION_LINES, NESTING = 400, 60, 3
_CLOCKS = {"app/kit/clock.py", "razorpay_simulator/clock.py"}
_CLOCK_CALLS = re.compile(r"(^|\.)datetime\.(now|utcnow|today)$|(^|\.)date\.today$|^time\.(time|time_ns)$")
_MONEY = re.compile(r"app/(kit/money\.py|payments/|refunds/|ledger/|disputes/|gateways/.*translate/)")
_MONEY_PATH = re.compile(r"app/(?!local/)")
_UNVERIFIED = {"verify", "ssl", "verify_ssl", "check_hostname", "ssl_context"}
_SECRET = re.compile(
    r"(secret|signature|token|digest|mac|password|passwd|hashed_password|checksum|otp)$", re.IGNORECASE
)
_STORE_FREE = re.compile(r"(claim|measure)_")
_MUTABLE_CALLS = re.compile(r"^(list|dict|set|bytearray|defaultdict|OrderedDict|Counter|deque)$")
_STATEFUL_CALLS = re.compile(
    r"(^|\.)(Settings|AsyncMongoClient|ClientSession|FastAPI|CollectorRegistry|SystemClock|RandomIds|Random|Lock|Event"
    r"|Queue|Semaphore|ThreadPoolExecutor)$|(^|\.)Database\.connect$"
)
_UPLOADS = {"File", "FileResponse", "Form", "StaticFiles", "UploadFile", "multipart"}
_CHANGES = {"append", "add", "update", "setdefault", "pop", "popitem", "clear", "extend", "insert", "remove", "discard"}
_READ_ONLY = re.compile(r"^(Final|Mapping|Sequence|Collection|Set|frozenset|tuple)\b")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `sample` breaks it at `sample_path`, `remedied` does the same thing as the house does it."""

    name: str
    find: Find
    where: Where
    remedy: str
    sample: str
    remedied: str
    sample_path: str = "app/payments/service.py"
    exempt: Mapping[str, str] = field(default_factory=dict)
    rows: str = ""

    def findings(self, source: Source) -> list[Finding]:
        """Return the places of a module that break this rule, exemptions left out."""
        if not self.where(source.path):
            return []
        return [
            Finding(source.path, line, what)
            for line, what in self.find(source)
            if f"{source.path}::{what}" not in self.exempt
        ]


def everywhere(_path: str) -> bool:
    """Hold in every file."""
    return True


def in_code(path: str) -> bool:
    """Hold in what ships."""
    return path.startswith(("app/", "razorpay_simulator/"))


def in_tests(path: str) -> bool:
    """Hold in the tests."""
    return path.startswith("tests/")


def long_file(source: Source) -> Iterator[tuple[int, str]]:
    """Find a file of more lines than a person keeps in mind."""
    lines = source.text.count("\n")
    if lines > FILE_LINES:
        yield FILE_LINES, f"{lines} lines"


def long_function(source: Source) -> Iterator[tuple[int, str]]:
    """Find functions that do not fit on a screen."""
    for function in functions(source.tree):
        lines = (function.end_lineno or function.lineno) - function.lineno + 1
        if lines > FUNCTION_LINES:
            yield function.lineno, f"{function.name} has {lines} lines"


def deep_function(source: Source) -> Iterator[tuple[int, str]]:
    """Find blocks within blocks within blocks."""
    for function in functions(source.tree):
        if (depth := nesting(function)) > NESTING:
            yield function.lineno, f"{function.name} is {depth} deep"


def no_docstring(source: Source) -> Iterator[tuple[int, str]]:
    """Find modules that do not say what lives in them."""
    if source.text.strip() and not ast.get_docstring(source.tree):
        yield 1, "no docstring"


def system_clock(source: Source) -> Iterator[tuple[int, str]]:
    """Find calls of the machine's clock."""
    for call, name in calls(source.tree):
        if _CLOCK_CALLS.search(name):
            yield call.lineno, name


def float_money(source: Source) -> Iterator[tuple[int, str]]:
    """Find true division and conversions to float."""
    for node in ast.walk(source.tree):
        if isinstance(node, (ast.BinOp, ast.AugAssign)) and isinstance(node.op, ast.Div):
            yield node.lineno, "true division"
        if isinstance(node, ast.Call) and dotted(node.func) in {"float", "Decimal", "decimal.Decimal", "round"}:
            yield node.lineno, f"{dotted(node.func)}()"


def printed(source: Source) -> Iterator[tuple[int, str]]:
    """Find print()."""
    for call, name in calls(source.tree):
        if name in {"print", "pprint", "pprint.pprint"}:
            yield call.lineno, f"{name}()"


def lost_task(source: Source) -> Iterator[tuple[int, str]]:
    """Find tasks that nobody waits for; those of a TaskGroup are waited for."""
    groups = {
        item.optional_vars.id
        for node in ast.walk(source.tree)
        if isinstance(node, ast.AsyncWith)
        for item in node.items
        if isinstance(item.optional_vars, ast.Name)
        and isinstance(item.context_expr, ast.Call)
        and dotted(item.context_expr.func).endswith("TaskGroup")
    }
    for call, name in calls(source.tree):
        receiver, _, verb = name.rpartition(".")
        if verb in {"ensure_future", "BackgroundTasks", "add_task"} or (
            verb == "create_task" and receiver not in groups
        ):
            yield call.lineno, name


def unverified_tls(source: Source) -> Iterator[tuple[int, str]]:
    """Find switched-off certificate checks."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.keyword) and node.arg in _UNVERIFIED and _is_false(node.value):
            yield node.value.lineno, f"{node.arg}=False"
        if isinstance(node, ast.Assign) and _is_false(node.value):
            yield from (
                (node.lineno, f"{target.attr} = False")
                for target in node.targets
                if isinstance(target, ast.Attribute) and target.attr in _UNVERIFIED
            )
        if isinstance(node, ast.Attribute) and node.attr == "CERT_NONE":
            yield node.lineno, "CERT_NONE"


def compared_secret(source: Source) -> Iterator[tuple[int, str]]:
    """Find secrets that are compared letter by letter, which tells by its time how much was right (S16)."""
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Compare) or not any(isinstance(op, (ast.Eq, ast.NotEq)) for op in node.ops):
            continue
        sides = [node.left, *node.comparators]
        if any(isinstance(side, ast.Constant) for side in sides):
            continue
        for side in sides:
            word = _last_word(side)
            if _SECRET.search(word):
                yield node.lineno, f"== on {word}"
                break


def patched(source: Source) -> Iterator[tuple[int, str]]:
    """Find what reaches into the product from outside."""
    for node in ast.walk(source.tree):
        names = [alias.name for alias in node.names] if isinstance(node, (ast.Import, ast.ImportFrom)) else []
        module = (node.module or "") if isinstance(node, ast.ImportFrom) else ""
        if any(f"{module}.{name}".strip(".").startswith(("unittest.mock", "mock", "pytest_mock")) for name in names):
            yield node.lineno, "import of mock"
        if isinstance(node, ast.Call) and dotted(node.func) in {
            "monkeypatch.setattr",
            "monkeypatch.delattr",
            "monkeypatch.setitem",
            "mocker.patch",
        }:
            yield node.lineno, dotted(node.func)


def tenantless_query(source: Source) -> Iterator[tuple[int, str]]:
    """Find public store methods whose first argument is not whose data they touch."""
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.ClassDef) or not node.name.endswith("Store"):
            continue
        for method in node.body:
            if not isinstance(method, ast.AsyncFunctionDef) or method.name.startswith("_"):
                continue
            first = method.args.args[1].arg if len(method.args.args) > 1 else ""
            if first not in {"scope", "tenant"} and not _STORE_FREE.match(method.name):
                yield method.lineno, f"{node.name}.{method.name}"


def uploaded(source: Source) -> Iterator[tuple[int, str]]:
    """Find forms, uploads and files by a caller's word."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(("fastapi", "starlette")):
            yield from ((node.lineno, alias.name) for alias in node.names if alias.name in _UPLOADS)


def singleton(source: Source) -> Iterator[tuple[int, str]]:
    """Find state that belongs to a module instead of to an object that wiring builds.

    A filled table that nobody writes to is a constant; an empty one can only be there to be filled.
    """
    written = set(_written(source.tree)) - {"?"}
    for node in source.tree.body:
        target, value, annotation = _assigned(node)
        if value is None or target.startswith("__") or _READ_ONLY.match(annotation):
            continue
        name = dotted(value.func) if isinstance(value, ast.Call) else ""
        is_empty = (isinstance(value, ast.Dict) and not value.keys) or (isinstance(value, ast.List) and not value.elts)
        is_filled_later = is_empty or target in written or _MUTABLE_CALLS.match(name.rpartition(".")[2])
        if is_filled_later or _STATEFUL_CALLS.search(name):
            yield node.lineno, f"module-level {target}"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Global):
            yield node.lineno, f"global {', '.join(node.names)}"


def _written(tree: ast.Module) -> Iterator[str]:
    """Yield the names whose items are set or removed, or that are asked to change themselves."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, (ast.Store, ast.Del)):
            yield dotted(node.value)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _CHANGES:
            yield dotted(node.func.value)


def _is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def _last_word(node: ast.expr) -> str:
    if isinstance(node, ast.Call):
        return dotted(node.func).rpartition(".")[2]
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return str(node.slice.value)
    return dotted(node).rpartition(".")[2]


def _assigned(node: ast.stmt) -> tuple[str, ast.expr | None, str]:
    if isinstance(node, ast.Assign):
        return dotted(node.targets[0]), node.value, ""
    if isinstance(node, ast.AnnAssign):
        return dotted(node.target), node.value, ast.unparse(node.annotation)
    return "", None, ""


def money_rooms(path: str) -> bool:
    """Hold where amounts are computed."""
    return bool(_MONEY.match(path))


def outside_clocks(path: str) -> bool:
    """Hold everywhere but in the two clocks."""
    return in_code(path) and path not in _CLOCKS


def outside_commands(path: str) -> bool:
    """Hold everywhere but in the command doors."""
    return in_code(path) and not re.search(r"(^|/)(cli|__main__)(\.py|/)", path)


def on_the_money_path(path: str) -> bool:
    """Hold in everything that serves or works; the local supervisor moves no money."""
    return bool(_MONEY_PATH.match(path))


def in_app(path: str) -> bool:
    """Hold in the product proper."""
    return path.startswith("app/")
