"""Every module lies in the package whose business it is, and imports only downwards."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from pathlib import Path
from statistics import median

from click.testing import CliRunner
from importlinter import cli as import_linter
from repository import CODE, PRODUCT, ROOT, files, imported, modules, name, project

MOST_LAYERS = 14
MOST_MODULES = 24  # in one folder, beside its __init__
LONGEST_MODULE = 300  # lines
MEDIAN_MODULE = 130  # lines
# Tests that lie in no package's folder: what a test is, not what it tests, says where it lies.
KINDS_OF_TESTS = {"browser", "chaos", "contract", "isolation", "journeys", "support", "walker"}


def lengths(*tops: str) -> dict[str, int]:
    """How many lines each module has. Migrations are written once and only grow in number."""
    return {
        name(path): len(path.read_text(encoding="utf-8").splitlines())
        for path in files(*tops)
        if path.suffix == ".py" and path.parent.name != "versions"
    }


def layers() -> list[set[str]]:
    """The packages of each line of the import contract, the uppermost first."""
    contract = project()["tool"]["importlinter"]["contracts"][0]
    return [{part.strip() for part in line.split("|")} for line in contract["layers"]]


def test_no_module_is_longer_than_a_screenful_of_screens():
    assert {module: n for module, n in lengths(*CODE).items() if n > LONGEST_MODULE} == {}


def test_a_module_is_as_short_as_one_idea():
    assert median(n for module, n in lengths(*PRODUCT).items() if n > 1) <= MEDIAN_MODULE


def test_no_folder_holds_more_than_one_can_look_over():
    folders = Counter(
        Path(module).parent.as_posix()
        for module in lengths(*PRODUCT)
        if not module.endswith("__init__.py")
    )

    assert {folder: n for folder, n in folders.items() if n > MOST_MODULES} == {}


def test_nothing_lies_flat_beside_the_packages():
    flat = {path.name for path in (ROOT / "recover").glob("*.py")}

    assert flat == {"__init__.py", "services.py", "plugin.py"}


def test_every_package_says_what_it_is():
    silent = [
        module
        for module, tree in modules(*PRODUCT)
        if module.endswith("__init__.py") and ast.get_docstring(tree) is None
    ]

    assert silent == []


def test_the_tests_lie_as_the_packages_do():
    homeless = [
        name(path)
        for path in files("tests")
        if path.name.startswith("test_")
        for folder in [path.parent.relative_to(ROOT / "tests")]
        if folder.parts and folder.parts[0] not in KINDS_OF_TESTS
        if not any((ROOT / top / folder).is_dir() for top in ("recover", "."))
    ]

    assert homeless == []


def test_no_module_is_called_utils():
    vague = {"utils", "util", "helpers", "helper", "common", "misc"}

    assert [name(path) for path in files(*CODE, "tests") if path.stem in vague] == []


def test_imports_keep_their_contracts(monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    # It would silence every logger there is, also for the tests that follow in this process.
    monkeypatch.setattr(import_linter.logging_config, "dictConfig", lambda _config: None)
    arguments = ["--no-logo", "--cache-dir", str(tmp_path)]

    result = CliRunner().invoke(import_linter.lint_imports_command, arguments)

    assert result.exit_code == 0, result.output


def test_every_package_has_its_layer():
    packages = {
        f"recover.{path.stem}"
        for path in (ROOT / "recover").iterdir()
        if (path.suffix == ".py" and path.stem != "__init__") or (path / "__init__.py").exists()
    }

    assert set.union(*layers()) == packages | {"webhooks", "emails"}
    assert len(layers()) <= MOST_LAYERS


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


def test_each_outside_library_has_its_home():
    used = defaultdict(set)
    for module, tree in modules(*PRODUCT):
        for package in imported(tree):
            used[package].add(COMMANDS if module.startswith(COMMANDS) else module)

    assert {library: used[library] for library in HOMES} == HOMES


def test_the_product_sees_flask_only_where_the_web_is():
    users = {module for module, tree in modules(*PRODUCT) if "flask" in imported(tree)}

    pages = ("recover/web/", "recover/api/")
    assert {user for user in users if not user.startswith(pages)} == {
        "recover/plugin.py",
        "webhooks/receiver.py",
    }


def test_only_the_settings_read_the_environment():
    readers = {
        module
        for module, tree in modules(*PRODUCT)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv"}
    }

    assert readers == {"recover/foundation/config.py"}
