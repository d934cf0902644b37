"""The repository holds itself to its own rules."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path
from types import ModuleType

from repository import PRODUCT, ROOT, calls, files, modules, name, parsed

from recover import services
from recover.entrypoints import clock
from sandbox import director
from webhooks import handlers

# The project speaks of itself alone. (The brackets keep this list from finding itself.)
STRANGERS = re.compile(
    r"/[w]ork/|/[t]mp/brief|(?<![\w.])/[r]oot/|(?<![\w.])/[h]ome/[a-z]+/"
    r"|\b[T]ODO\b|\b[F]IXME\b|\b[X]XX\b|^[<]{7} |^[>]{7} "
    r"|(?i:[i]ssue #?\d|[p]ull request #?\d|[c]hat[g]pt|[c]opilot|[l]anguage model|[c]laude)",
    re.MULTILINE,
)


TEXT = {".py", ".md", ".toml", ".html", ".mjml", ".txt", ".css", ".js", ".svg", ".mako", ".example"}


def words(text: str) -> set[str]:
    return set(re.findall(r"[a-z_]+", text))


def procfile() -> dict[str, str]:
    """The command of each process."""
    lines = (ROOT / "Procfile").read_text(encoding="utf-8").splitlines()
    return {line.split(":", 1)[0]: line.split(":", 1)[1].strip() for line in lines if line}


def test_the_project_speaks_of_itself_alone():
    found = [
        f"{name(path)}: {match[0]}"
        for path in files(".")
        if path.suffix in TEXT or path.name in {"Makefile", "Procfile", "run"}
        for match in STRANGERS.finditer(path.read_text(encoding="utf-8"))
    ]

    assert found == []


def test_babel_is_always_told_whose_locale():
    """Its functions fall back to the environment's, and its parser takes "C" for a language."""
    used, untold, parsers = set(), [], set()
    for module, tree in modules(*PRODUCT):
        formatters = {one for one in taken_from_babel(tree) if one.startswith("format_")}
        used |= formatters
        untold += [
            f"{module}:{call.lineno}"
            for formatter in formatters
            for call in calls(tree, formatter)
            if "locale" not in {word.arg for word in call.keywords}
        ]
        parsers |= {module for call in calls(tree, "parse") if "Locale." in ast.unparse(call.func)}

    assert {"format_currency", "format_date", "format_datetime"} <= used
    assert untold == []
    assert parsers == {"recover/foundation/locales.py"}


def taken_from_babel(tree: ast.Module) -> set[str]:
    return {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("babel")
        for alias in node.names
    }


def test_no_name_of_a_month_or_a_day_comes_from_strftime():
    """Its names follow the locale of the process, as its %c, %x and %X do."""
    named = re.compile(r"(?:\{[^{}]*:|strftime\()[^{}()]*%-?[aAbBcxXpr]")
    found = [
        f"{name(path)}: {match[0]}"
        for path in files(*PRODUCT)
        if path.suffix in {".py", ".html", ".txt", ".mjml"}
        for match in named.finditer(path.read_text(encoding="utf-8"))
    ]

    assert found == []


def test_the_workers_listen_to_exactly_the_queues_that_are_used():
    command = procfile()["worker"]
    heard = set(command.split("rq.SimpleWorker")[1].split())

    assert heard == queues_named() == set(director.QUEUES) == {services.STEPS, services.CHORES}


def queues_named() -> set[str]:
    """The queues named where a job is enqueued or registered with the clock."""
    found = {services.STEPS}  # where a job goes unless it is told otherwise
    for _, tree in modules(*PRODUCT):
        for call in calls(tree, "enqueue"):
            found |= {_queue(word.value) for word in call.keywords if word.arg == "queue"}
    for call in calls(parsed(Path(clock.__file__)), "register"):
        found.add(_queue(call.args[1]))
    return found


def _queue(node: ast.expr) -> str:
    assert isinstance(node, ast.Name), "queues are named by their constants"
    return getattr(services, node.id)


def test_every_job_that_is_queued_exists():
    named = [
        call.args[0].value
        for _, tree in modules(*PRODUCT)
        for called in ("enqueue", "_for_each_account")
        for call in calls(tree, called)
        if isinstance(call.args[0], ast.Constant)
    ]

    assert len(set(named)) >= 5
    for one in named:
        assert callable(found_by(services.job_path(one))), one


def test_every_job_of_the_rehearsals_exists():
    texts = [
        node.value
        for _, tree in modules("sandbox")
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"recover\.entrypoints\.jobs\.\w+", node.value)
    ]

    assert texts
    for text in texts:
        assert callable(found_by(text)), text


def found_by(path: str) -> object:
    module, _, function = path.rpartition(".")
    return getattr(import_module(module), function)


def test_every_job_is_queued_by_somebody():
    known = public_functions(import_module(services.JOBS))
    text = "\n".join(ast.unparse(tree) for _, tree in modules(*PRODUCT))

    unused = {job for job in known - {"services"} if text.count(job) < 2}

    assert unused == set()


def public_functions(module: ModuleType) -> set[str]:
    return {
        key
        for key, value in vars(module).items()
        if callable(value)
        and getattr(value, "__module__", "") == module.__name__
        and not key.startswith("_")
    }


def test_the_processes_that_make_run_starts_are_those_of_the_procfile():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    started = re.search(r"honcho start (.+)", makefile)

    assert started is not None
    assert {"release", *started[1].split()} == set(procfile())


def test_every_event_that_is_handled_is_one_of_stripe_s_kinds():
    assert len(handlers.HANDLED_TYPES) == len(set(handlers.HANDLED_TYPES))
    assert all(re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", kind) for kind in handlers.HANDLED_TYPES)


def test_links_between_the_documents_lead_somewhere():
    broken = [
        f"{name(path)} -> {target}"
        for path in files(".")
        if path.suffix == ".md"
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", path.read_text(encoding="utf-8"))
        if not (path.parent / target).exists()
    ]

    assert broken == []


def test_what_a_comment_or_docstring_names_in_code_exists():
    """What stands in single backticks is ours; words of others stand in double ones."""
    everywhere = ("recover", "webhooks", "emails", "sandbox", "bench", "tests")
    trees = dict(modules(*everywhere))
    stems = {Path(path).stem for path in trees} | {Path(path).parent.name for path in trees}
    known = stems.union(*map(names_in, trees.values())) | set(everywhere)
    quoted = re.compile(r"(?<!`)`([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)(?:\(\))?`(?!`)")
    unknown = [
        f"{path}: {match[1]}"
        for path in trees
        for match in quoted.finditer((ROOT / path).read_text(encoding="utf-8"))
        if not set(match[1].split(".")) <= known
    ]

    assert unknown == []


def names_in(tree: ast.Module) -> set[str]:
    """Whatever a module defines, uses, imports or calls by name."""
    found = set()
    for node in ast.walk(tree):
        for field in ("name", "id", "attr", "arg", "asname"):
            name_ = getattr(node, field, None)
            if isinstance(name_, str):
                found |= set(name_.split("."))
    return found
