"""The architecture, read from the files: imports go one way, names say something."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CLIENT = "clients/python/src/tollgate_client"
PACKAGES = ("server", "quota", "ledger", "benchmarks", "tests", CLIENT)
PRODUCT = ("server", "quota", "ledger", CLIENT)

# What a package must not import; arrows point from server to quota and ledger, and to the stubs.
FORBIDDEN_IMPORTS = {
    "quota": {"ledger", "server", "tollgate", "tollgate_client", "grpc", "benchmarks", "tests"},
    "ledger": {"quota", "server", "tollgate", "tollgate_client", "grpc", "benchmarks", "tests"},
    "server": {"benchmarks", "tests"},
    "protos": {"server", "quota", "ledger", "tollgate_client", "benchmarks", "tests"},
    CLIENT: {"server", "quota", "ledger", "benchmarks", "tests"},
}
FORBIDDEN_NAMES = re.compile(r"(^|_)(utils?|helpers?|common|core|base|models?|managers?)(_|\.|$)")
MAX_FILE_LINES = 400
MAX_TEST_LINES = 800
MAX_FUNCTION_LINES = 70
MAX_README_LINES = 150
ENVIRONMENT_READERS = {
    "server/settings.py",
    "server/telemetry.py",  # the standard OTEL_* variables
    "server/app.py",  # where the supervisor put the metrics
    "server/supervisor.py",  # hands its own on to the workers
}


def _files(*packages: str) -> Iterator[Path]:
    for package in packages:
        yield from sorted((ROOT / package).rglob("*.py"))


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    """The top-level packages a file imports, with the line."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.partition(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{_name(path)}:{node.lineno} imports relatively"
            yield node.lineno, (node.module or "").partition(".")[0]


@pytest.mark.parametrize("package", FORBIDDEN_IMPORTS)
def test_imports_go_one_way(package: str) -> None:
    wrong = [
        f"{_name(path)}:{line} imports {imported}"
        for path in _files(package)
        for line, imported in _imports(path)
        if imported in FORBIDDEN_IMPORTS[package]
    ]
    assert not wrong


def test_only_the_simulator_asks_through_the_client_library() -> None:
    wrong = [
        f"{_name(path)}:{line}"
        for path in _files("server")
        for line, imported in _imports(path)
        if imported == "tollgate_client"
        and not _name(path).startswith(("server/simulator/", "server/cli/"))
    ]
    assert not wrong


def test_names_say_something() -> None:
    paths = [path for package in PACKAGES for path in (ROOT / package).rglob("*")]
    wrong = [_name(path) for path in paths if FORBIDDEN_NAMES.search(path.name)]
    assert not wrong


def test_every_module_says_what_it_owns() -> None:
    files = [path for path in _files(*PACKAGES) if path.stat().st_size > 0]
    wrong = [_name(path) for path in files if not _docstring(path)]
    assert not wrong


def _docstring(path: Path) -> str | None:
    return ast.get_docstring(ast.parse(path.read_text()))


def test_files_are_small() -> None:
    lengths = {_name(path): len(path.read_text().splitlines()) for path in _files(*PACKAGES)}
    wrong = {
        name: length
        for name, length in lengths.items()
        if length > (MAX_TEST_LINES if name.startswith("tests/") else MAX_FILE_LINES)
    }
    assert not wrong


def test_functions_are_small() -> None:
    wrong = [
        f"{_name(path)}:{node.lineno} {node.name} has {_length(node)} lines"
        for path in _files(*PACKAGES)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and _length(node) > MAX_FUNCTION_LINES
    ]
    assert not wrong


def _length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    assert node.end_lineno is not None
    return node.end_lineno - node.lineno + 1


def test_what_is_public_has_a_docstring() -> None:
    wrong = [
        f"{_name(path)}:{node.lineno} {node.name}"
        for path in _files(*PRODUCT)
        for node in _public(ast.parse(path.read_text()))
        if not ast.get_docstring(node)
    ]
    assert not wrong


Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def _public(tree: ast.Module | ast.ClassDef) -> Iterator[Definition]:
    for node in tree.body:
        # Methods in CamelCase answer RPCs, which the protos describe.
        if isinstance(node, Definition) and (
            isinstance(node, ast.ClassDef) or node.name[0].islower()
        ):
            if node.name.startswith("_"):
                continue
            yield node
            if isinstance(node, ast.ClassDef):
                yield from _public(node)


def test_only_the_settings_read_the_environment() -> None:
    wrong = {
        _name(path)
        for path in _files(*PRODUCT)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr in ("environ", "getenv")
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
    }
    assert wrong <= ENVIRONMENT_READERS


def test_nothing_names_a_place_on_one_machine() -> None:
    """No home directories and no addresses of package indexes, in code, locks or documents."""
    pattern = re.compile(r"/(home|Users|root)/\w|--(extra-)?index-url|https?://\S+/simple")
    kinds = {".py", ".md", ".lock", ".toml", ".sql", ".lua", ".proto", ".yaml"}
    places = [ROOT / each for each in (*PACKAGES, "clients", "docs", "examples", "locks", "protos")]
    files = [path for place in places for path in place.rglob("*") if path.suffix in kinds]
    files += [path for path in ROOT.iterdir() if path.suffix in kinds or path.name == "Makefile"]
    wrong = [_name(path) for path in files if pattern.search(path.read_text())]
    assert [name for name in wrong if name != _name(Path(__file__))] == []


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= MAX_README_LINES


def test_no_two_decisions_share_a_number() -> None:
    numbers = [path.name[:4] for path in (ROOT / "docs" / "decisions").glob("*.md")]
    assert all(number.isdecimal() for number in numbers)
    assert len(numbers) == len(set(numbers))
