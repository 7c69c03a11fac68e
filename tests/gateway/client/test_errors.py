from __future__ import annotations

import ast
import inspect
import re

from gateway.client import errors


def _drawn() -> dict[str, str]:
    """Each class in the docstring's tree, with the class it hangs under."""
    parents: dict[str, str] = {}
    road: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"^    ((?:│   |    )*)(├── |└── )?([A-Z]\w+)", line)
        if found is None:
            continue
        depth = len(found[1]) // 4 + (1 if found[2] else 0)
        del road[depth:]
        if road:
            parents[found[3]] = road[-1]
        road.append(found[3])
    return parents


def test_the_tree_at_the_head_is_the_tree_of_the_classes() -> None:
    classes = {
        node.name: getattr(errors, node.name)
        for node in ast.parse(inspect.getsource(errors)).body
        if isinstance(node, ast.ClassDef) and node.name not in ("SluisError", "FieldError")
    }

    assert _drawn() == {name: cls.__base__.__name__ for name, cls in classes.items()}
