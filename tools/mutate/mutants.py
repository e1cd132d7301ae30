"""The mutants of one source file: each is the file with one place in a function changed.

Texts are left out: string constants, docstrings, log calls. So are assertions, which only tell mypy something, and what
stands outside functions, such as default values: a test could only repeat them.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

# What is done to an operator, and what its token becomes.
_SWAPS: dict[type[ast.AST], tuple[str, str]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Is: ("is", "is not"),
    ast.IsNot: (r"is\s+not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: (r"not\s+in", "in"),
    ast.And: ("and", "or"),
    ast.Or: ("or", "and"),
    ast.Add: (r"\+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: (r"\*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "*"),
    ast.BitOr: (r"\|", "^"),
    ast.BitAnd: ("&", "^"),
}
_FUNCTIONS = {"any": "all", "all": "any", "min": "max", "max": "min"}
# Swapped arguments change nothing, or their types alone.
_SYMMETRICAL = ("isinstance", "cast", "min", "max")
_TEXTS = ("log", "debug", "info", "warning", "Note")

Function = ast.FunctionDef | ast.AsyncFunctionDef
Edit = tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One changed place.

    Attributes:
        path: of the file, from the root of the tree.
        function: the qualified name of the function it is in.
        line: its first line.
        before: the lines it changes.
        after: what they become.
        reached_by: the first and the last line of its statement: the tests that run one of them reach it.
        source: the whole changed file.
    """

    path: str
    function: str
    line: int
    before: tuple[str, ...]
    after: tuple[str, ...]
    reached_by: tuple[int, int]
    source: str

    @property
    def key(self) -> tuple[str, ...]:
        """What it is called wherever its lines may move."""
        before, after = (tuple(f"{sign} {line.strip()}" for line in lines) for sign, lines in self._signed())
        return (f"{self.path} {self.function}".strip(), *before, *after)

    @property
    def diff(self) -> str:
        """The changed lines before and after."""
        return "\n".join(f"{sign} {line}" for sign, lines in self._signed() for line in lines)

    def _signed(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        return ("-", self.before), ("+", self.after)


def mutants(path: str, source: str) -> list[Mutant]:
    """Every mutant of a file, in the order of its lines."""
    found = {each.source: each for each in _File(path, source).mutants()}
    return sorted(found.values(), key=lambda each: each.line)


@dataclass(frozen=True)
class _Place:
    """Where in the file a node is, and which names have a value before its statement."""

    function: str
    statement: ast.stmt
    known: frozenset[str]


class _File:
    def __init__(self, path: str, source: str) -> None:
        self._path = path
        self._source = source
        self._starts = [0]
        for line in source.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))

    @cached_property
    def _lines(self) -> list[str]:
        return self._source.splitlines()

    def mutants(self) -> Iterator[Mutant]:
        yield from self._definitions(ast.parse(self._source).body, "")

    # -- statements

    def _definitions(self, body: list[ast.stmt], around: str) -> Iterator[Mutant]:
        for each in body:
            if isinstance(each, Function):
                yield from self._block(each.body, _within(around, each.name), _parameters(each))
            elif isinstance(each, ast.ClassDef):
                yield from self._definitions(each.body, _within(around, each.name))

    def _block(self, body: list[ast.stmt], function: str, known: frozenset[str]) -> Iterator[Mutant]:
        for statement in body:
            yield from self._statement(statement, _Place(function, statement, known))
            known |= {target.id for target in _targets(statement) if isinstance(target, ast.Name)}

    def _statement(self, statement: ast.stmt, place: _Place) -> Iterator[Mutant]:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                names = place.known | _parameters(statement)
                yield from self._block(statement.body, _within(place.function, statement.name), names)
            case ast.If(body=body, orelse=[]) if all(map(_is_text, body)):
                return
            case ast.Assert() | ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant()):
                return
            case _:
                if _is_text(statement):
                    return
                if _is_removable(statement, place.known):
                    yield self._mutant(place, [(*self._span(statement), "pass")])
                if isinstance(statement, ast.Return):
                    yield from self._return(statement, place)
                yield from self._children(statement, place)

    def _return(self, statement: ast.Return, place: _Place) -> Iterator[Mutant]:
        value = statement.value
        if value is not None and not isinstance(value, ast.Constant | ast.Compare | ast.BoolOp | ast.UnaryOp):
            yield self._mutant(place, [(*self._span(value), "None")])

    def _children(self, node: ast.AST, place: _Place) -> Iterator[Mutant]:
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "type_params"):
                continue
            values = value if isinstance(value, list) else [value]
            if values and all(isinstance(each, ast.stmt) for each in values):
                yield from self._block(values, place.function, place.known)
                continue
            for each in values:
                if isinstance(each, ast.expr):
                    yield from self._expression(each, place)
                elif isinstance(each, ast.AST):
                    yield from self._children(each, place)
        yield from self._condition(node, place)
        if isinstance(node, ast.AugAssign):
            yield from self._swap(place, node.op, node.target, node.value)

    # -- expressions

    def _expression(self, node: ast.expr, place: _Place) -> Iterator[Mutant]:
        if isinstance(node, ast.JoinedStr) or _is_text(node):
            return
        match node:
            case ast.Constant(value=bool() | int() | float() as value):
                yield self._mutant(place, [(*self._span(node), _other(value))])
            case ast.Compare():
                for operator, left, right in zip(
                    node.ops, [node.left, *node.comparators], node.comparators, strict=False
                ):
                    yield from self._swap(place, operator, left, right)
            case ast.BinOp() if not (_is_string(node.left) or _is_string(node.right)):
                yield from self._swap(place, node.op, node.left, node.right)
            case ast.BoolOp():
                yield from self._boolean(node, place)
            case ast.UnaryOp(op=ast.Not()):
                begin = self._span(node)[0]
                yield self._mutant(place, [(begin, begin + len("not "), "")])
            case ast.Call():
                yield from self._call(node, place)
            case _:
                pass
        yield from self._children(node, place)

    def _swap(self, place: _Place, operator: ast.AST, left: ast.AST, right: ast.AST) -> Iterator[Mutant]:
        edit = self._token(operator, left, right) if type(operator) in _SWAPS else None
        if edit is not None:
            yield self._mutant(place, [edit])

    def _boolean(self, node: ast.BoolOp, place: _Place) -> Iterator[Mutant]:
        edits = [self._token(node.op, left, right) for left, right in zip(node.values, node.values[1:], strict=False)]
        whole = [each for each in edits if each is not None]
        if len(whole) == len(edits):
            yield self._mutant(place, whole)

    def _call(self, node: ast.Call, place: _Place) -> Iterator[Mutant]:
        if isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS:
            yield self._mutant(place, [(*self._span(node.func), _FUNCTIONS[node.func.id])])
        if isinstance(node.func, ast.Name) and node.func.id in _SYMMETRICAL:
            return
        if len(node.args) >= 2 and not any(isinstance(each, ast.Starred) for each in node.args[:2]):
            first, second = node.args[:2]
            if self._text(first) != self._text(second):
                yield self._mutant(
                    place, [(*self._span(first), self._text(second)), (*self._span(second), self._text(first))]
                )

    def _condition(self, node: ast.AST, place: _Place) -> Iterator[Mutant]:
        """Its branches swapped; comparisons and negations have mutants of their own that do that."""
        if isinstance(node, ast.If | ast.While | ast.IfExp):
            tests = [node.test]
        elif isinstance(node, ast.comprehension):
            tests = node.ifs
        else:
            return
        for test in tests:
            is_negated_anyway = (
                isinstance(test, ast.UnaryOp) or (isinstance(test, ast.Compare) and _negates(test.ops))
            ) or isinstance(test, ast.Constant)
            if not is_negated_anyway:
                yield self._mutant(place, [(*self._span(test), f"not ({self._text(test)})")])

    # -- text

    def _token(self, operator: ast.AST, left: ast.AST, right: ast.AST) -> Edit | None:
        """The edit of the operator between two expressions; None where a comment is in between."""
        pattern, new = _SWAPS[type(operator)]
        begin, end = self._span(left)[1], self._span(right)[0]
        gap = self._source[begin:end]
        found = re.search(rf"\b{pattern}\b" if pattern[0].isalpha() else pattern, gap)
        if found is None or "#" in gap:
            return None
        return begin + found.start(), begin + found.end(), new

    def _span(self, node: ast.AST) -> tuple[int, int]:
        assert isinstance(node, ast.expr | ast.stmt)
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._offset(node.lineno, node.col_offset), self._offset(node.end_lineno, node.end_col_offset)

    def _offset(self, line: int, column: int) -> int:
        """Columns of the syntax tree are bytes."""
        return self._starts[line - 1] + len(self._lines[line - 1].encode()[:column].decode())

    def _text(self, node: ast.AST) -> str:
        begin, end = self._span(node)
        return self._source[begin:end]

    def _mutant(self, place: _Place, edits: list[Edit]) -> Mutant:
        begin, end = min(each[0] for each in edits), max(each[1] for each in edits)
        source = self._source
        for start, stop, new in sorted(edits, reverse=True):
            source = source[:start] + new + source[stop:]
        first, last = self._source.count("\n", 0, begin), self._source.count("\n", 0, end)
        after = source.splitlines()
        removed = len(self._lines) - last - 1
        return Mutant(
            self._path,
            place.function,
            first + 1,
            tuple(self._lines[first : last + 1]),
            tuple(after[first : len(after) - removed]),
            _head(place.statement, first + 1, last + 1),
            source,
        )


def _head(statement: ast.stmt, first: int, last: int) -> tuple[int, int]:
    """The lines of a statement without its block, which others than those that reach the place may run."""
    body = getattr(statement, "body", None)
    if isinstance(body, list) and body:
        return min(first, statement.lineno), max(last, statement.lineno, body[0].lineno - 1)
    return statement.lineno, statement.end_lineno or statement.lineno


def _within(outer: str, name: str) -> str:
    return f"{outer}.{name}" if outer else name


def _targets(statement: ast.stmt) -> list[ast.expr]:
    match statement:
        case ast.Assign(targets=targets):
            return targets
        case ast.AnnAssign(target=target) | ast.AugAssign(target=target):
            return [target]
        case _:
            return []


def _parameters(function: Function) -> frozenset[str]:
    arguments = function.args
    return frozenset(each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs))


def _is_removable(statement: ast.stmt, known: frozenset[str]) -> bool:
    """Not where only a name would be missing: every test that comes there notices."""
    match statement:
        case ast.Expr(value=ast.Call() | ast.Await()) | ast.AugAssign() | ast.Delete() | ast.Continue() | ast.Break():
            return True
        case ast.Raise():
            return True
        case ast.Assign(targets=targets):
            return all(not isinstance(each, ast.Name) or each.id in known for each in targets)
        case _:
            return False


def _is_text(node: ast.AST) -> bool:
    """Whether it only says something to people."""
    call = node.value if isinstance(node, ast.Expr) else node
    if not isinstance(call, ast.Call):
        return False
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    return name in _TEXTS


def _is_string(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _other(value: float) -> str:
    return repr(not value if isinstance(value, bool) else value + 1)


def _negates(operators: list[ast.cmpop]) -> bool:
    return len(operators) == 1 and not isinstance(operators[0], ast.Lt | ast.LtE | ast.Gt | ast.GtE)
