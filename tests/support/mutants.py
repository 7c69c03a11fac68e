"""Mutation testing of `consent/`: each rule is broken in one place, and a test must notice.

`python -m tests.support.mutants [MODULE ...]` makes every mutant of these modules and runs their
own tests on each in a process forked for it, so that what is slow to import is imported once. A
mutant is alive when all tests pass on it. Types, texts that describe, and sizes of caches are left
alone: no test should depend on them.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.abc
import importlib.machinery
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import CodeType, ModuleType
from typing import NamedTuple, NoReturn

ROOT = Path(__file__).parents[2]
TESTS = {
    "representation": ["representation", "register"],
    "register": ["register", "decide"],
    "decide": ["decide", "second_engine"],
    "minimise": ["minimise_vectors", "minimise", "minimise_members", "minimise_narrow"],
    "columns": ["columns", "minimise_vectors", "minimise"],
    "protocol": ["protocol", "decide"],
}
"""The modules that are mutated, each with the files of tests/consent that are to notice."""
EXAMPLES = 25
"""Examples of a property on a mutant; a property that needs more to notice shows as alive."""
LONGEST_SECONDS = 150
_ALIVE = 77
_WARM = ("pytest", "hypothesis", "hypothesis.strategies", "_pytest.assertion.rewrite", "pydantic")
_SCHEMAS = ("fields", "identifiers", "zrm", "referral", "casework", "decisions", "consents")

_BODIES = ("body", "orelse", "finalbody")
_SWAPS: dict[type[ast.AST], list[type[ast.AST]]] = {
    ast.Lt: [ast.LtE, ast.Gt],
    ast.LtE: [ast.Lt],
    ast.Gt: [ast.GtE, ast.Lt],
    ast.GtE: [ast.Gt],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is],
    ast.In: [ast.NotIn],
    ast.NotIn: [ast.In],
    ast.Add: [ast.Sub],
    ast.Sub: [ast.Add],
    ast.Mult: [ast.Add],
    ast.Mod: [ast.Mult],
    ast.FloorDiv: [ast.Mult],
    ast.BitAnd: [ast.BitOr],
    ast.BitOr: [ast.BitAnd],
    ast.LShift: [ast.RShift],
    ast.RShift: [ast.LShift],
    ast.And: [ast.Or],
    ast.Or: [ast.And],
}


class Mutant(NamedTuple):
    """One change of one module: which, where, and what it says before and after."""

    module: str
    number: int | None
    line: int
    before: str
    after: str

    @property
    def name(self) -> str:
        """As `docs/mutation.md` names it; without the line, which moves."""
        return f"{self.module}: `{self.before}` -> `{self.after}`"


class _Change(NamedTuple):
    node: ast.AST
    field: str
    place: int | None
    new: ast.AST | None


def mutants_of(module: str) -> list[Mutant]:
    """Every mutant of a module, always in the same order."""
    tree = _tree(module)
    found = []
    for number, change in enumerate(_changes(tree)):
        line, before = _line(change), _shown(change)
        undo = _apply(change)
        found.append(Mutant(module, number, line, before, _shown(change)))
        undo()
    return found


def _undo(owner: ast.AST, field: str, place: int | None, old: object) -> None:
    if place is None:
        setattr(owner, field, old)
    else:
        getattr(owner, field)[place] = old


def _apply(change: _Change) -> Callable[[], None]:
    owner, field, place = change.node, change.field, change.place
    old = getattr(owner, field) if place is None else getattr(owner, field)[place]
    if place is None:
        setattr(owner, field, change.new)
    else:
        getattr(owner, field)[place] = change.new
    return lambda: _undo(owner, field, place, old)


def mutated(module: str, number: int) -> ast.Module:
    """A module's tree with its so-manieth change."""
    tree = _tree(module)
    for at, change in enumerate(_changes(tree)):
        if at == number:
            _apply(change)
            return ast.fix_missing_locations(tree)
    raise IndexError(number)


def _tree(module: str) -> ast.Module:
    return ast.parse((ROOT / "consent" / f"{module}.py").read_text(encoding="utf-8"))


def _line(change: _Change) -> int:
    node = change.node
    if change.place is not None and change.field in _BODIES:
        node = getattr(node, change.field)[change.place]
    if isinstance(node, ast.comprehension):
        node = node.target
    return int(getattr(node, "lineno", 0))


def _shown(change: _Change) -> str:
    """What stands there: of a statement in a body that statement, else the whole expression."""
    node = change.node
    if change.place is not None and change.field in _BODIES:
        node = getattr(node, change.field)[change.place]
    elif isinstance(node, (ast.If, ast.While)):
        node = node.test
    return " ".join(ast.unparse(node).split())


def _changes(tree: ast.Module) -> Iterator[_Change]:
    for node in _looked_at(tree):
        yield from _of(node)


def _looked_at(tree: ast.Module) -> Iterator[ast.AST]:
    """What can change what a module does: no types, docstrings, decorators or imports."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop(0)
        yield node
        skipped: set[int] = set()
        for field in ("annotation", "returns", "decorator_list", "bases"):
            part = getattr(node, field, None)
            skipped |= {id(one) for one in (part if isinstance(part, list) else [part])}
        waiting += [
            child
            for child in ast.iter_child_nodes(node)
            if id(child) not in skipped
            and not isinstance(child, (ast.Import, ast.ImportFrom, ast.Assert))
            and not (isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant))
        ]


def _of(node: ast.AST) -> Iterator[_Change]:
    match node:
        case ast.Compare(ops=ops):
            for place, op in enumerate(ops):
                for new in _SWAPS.get(type(op), []):
                    yield _Change(node, "ops", place, new())
        case ast.BinOp(op=op) | ast.BoolOp(op=op) | ast.AugAssign(op=op):
            for new in _SWAPS.get(type(op), []):
                yield _Change(node, "op", None, new())
        # One comparison, or one negation, is turned round by itself.
        case ast.If(test=test) | ast.IfExp(test=test) if not isinstance(
            test, (ast.Compare, ast.UnaryOp)
        ):
            yield _Change(node, "test", None, ast.UnaryOp(ast.Not(), test))
        case ast.comprehension(ifs=ifs):
            for place in range(len(ifs)):
                yield _Change(node, "ifs", place, ast.Constant(True))
        case ast.Return(value=ast.expr()):
            # Yes and no are turned round below; None beside them is mostly just another no.
            if not isinstance(node.value, ast.Constant):
                yield _Change(node, "value", None, ast.Constant(None))
    yield from _of_parts(node)


def _of_parts(node: ast.AST) -> Iterator[_Change]:
    """Changes of what stands in a node: constants, negations, and statements left out."""
    if _is_typing(node):
        return
    for field, value in ast.iter_fields(node):
        parts = list(enumerate(value)) if isinstance(value, list) else [(None, value)]
        for place, part in parts:
            match part:
                case ast.UnaryOp(op=ast.Not(), operand=operand):
                    yield _Change(node, field, place, operand)
                case ast.Constant(value=bool(truth)):
                    yield _Change(node, field, place, ast.Constant(not truth))
                case ast.Constant(value=int(number)):
                    yield _Change(node, field, place, ast.Constant(number + 1))
                case ast.Constant(value=str(text)) if not isinstance(node, ast.Expr):
                    yield _Change(node, field, place, ast.Constant(f"XX{text}"))
                case ast.Constant(value=bytes(text)):
                    yield _Change(node, field, place, ast.Constant(b"XX" + text))
                case ast.Continue():
                    yield _Change(node, field, place, ast.Break())
                case ast.AugAssign() | ast.Raise():
                    yield _Change(node, field, place, ast.Pass())
                case ast.Expr(value=ast.Call() | ast.Yield() | ast.YieldFrom()):
                    yield _Change(node, field, place, ast.Pass())


def _is_typing(node: ast.AST) -> bool:
    """Whether a node's constants only describe: keywords of caches, and patterns' titles."""
    return isinstance(node, ast.keyword) and node.arg in ("maxsize", "slots", "frozen")


class _Loader(importlib.abc.InspectLoader):
    """Loads one module from a mutated tree."""

    def __init__(self, path: str, tree: ast.Module) -> None:
        self._path, self._tree = path, tree

    def get_source(self, fullname: str) -> str | None:
        del fullname
        return None

    def get_code(self, fullname: str) -> CodeType:
        del fullname
        return compile(self._tree, self._path, "exec")


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, module: str, tree: ast.Module) -> None:
        self._name, self._module, self._tree = f"consent.{module}", module, tree

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        del path, target
        if fullname != self._name:
            return None
        file = str(ROOT / "consent" / f"{self._module}.py")
        return importlib.machinery.ModuleSpec(fullname, _Loader(file, self._tree), origin=file)


def alive_among(
    mutants: Sequence[Mutant], workers: int, told: Callable[[Mutant], None]
) -> list[Mutant]:
    """The mutants on which all tests pass; each is told as soon as it is known."""
    waiting, running, alive = list(mutants), dict[int, Mutant](), []
    while waiting or running:
        while waiting and len(running) < workers:
            mutant = waiting.pop(0)
            child = os.fork()
            if child == 0:
                _run_tests(mutant.module, mutant.number)
            running[child] = mutant
        child, status = os.wait()
        mutant = running.pop(child)
        if os.waitstatus_to_exitcode(status) == _ALIVE:
            alive.append(mutant)
            told(mutant)
    return alive


def _run_tests(module: str, number: int | None) -> NoReturn:
    """In a child of its own; a module without a number is looked at as it is."""
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    signal.alarm(LONGEST_SECONDS)
    try:
        if number is not None:
            sys.meta_path.insert(0, _Finder(module, mutated(module, number)))
        import pytest  # noqa: PLC0415  # in the child
        from hypothesis import HealthCheck, Phase, settings  # noqa: PLC0415

        settings.register_profile(
            "mutants",
            max_examples=EXAMPLES,
            database=None,
            derandomize=True,
            deadline=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        settings.load_profile("mutants")
        files = [str(ROOT / "tests/consent" / f"test_{name}.py") for name in TESTS[module]]
        quiet = ["-x", "-q", "--noconftest", "--assert=plain", "-p", "no:cacheprovider"]
        code = pytest.main([*quiet, "-p", "no:xdist", f"--rootdir={ROOT}", *files])
        os._exit(_ALIVE if code == 0 else 1)
    except BaseException:  # noqa: BLE001  # whatever a mutant raises, it is dead
        os._exit(1)


def main() -> int:
    """Tell of each module how many mutants were killed, and the score of all together."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", default=list(TESTS))
    parser.add_argument("--limit", type=int, help="at most so many mutants of a module, spread out")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    for name in (*_WARM, *(f"schemas.{name}" for name in _SCHEMAS)):
        importlib.import_module(name)
    made = killed = 0
    for module in asked.modules:
        every = mutants_of(module)
        if asked.limit is not None and len(every) > asked.limit:
            every = every[:: -(-len(every) // asked.limit)]
        if not alive_among([Mutant(module, None, 0, "", "")], 1, lambda _: None):
            _tell(f"{module}: its tests do not pass as it is")
            return 1
        alive = alive_among(every, asked.workers, lambda m: _tell(f"alive: {m.line}: {m.name}"))
        made, killed = made + len(every), killed + len(every) - len(alive)
        _tell(f"{module}: {len(every) - len(alive)} of {len(every)} killed")
    _tell(f"score: {100 * killed / made:.1f} % ({killed} of {made})")
    return 0


def _tell(text: str) -> None:
    print(text, flush=True)  # noqa: T201  # a command of its own


if __name__ == "__main__":
    sys.exit(main())
