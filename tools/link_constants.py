"""Which constants a node needs not hold all the time: see tools/link_image.py."""

import ast

from tools.link_scopes import CORE, Definition

PLAIN = (ast.Constant, ast.Tuple, ast.List, ast.Dict, ast.UnaryOp, ast.BinOp, ast.operator,
         ast.unaryop, ast.expr_context)


def is_plain(statement: ast.stmt) -> bool:
    """Say whether `statement` names one constant that may be made anew at any time.

    Not what calls something, which may give another thing each time, nor what other names are in.
    """
    return (isinstance(statement, ast.Assign) and len(statement.targets) == 1
            and isinstance(statement.targets[0], ast.Name)
            and all(isinstance(node, PLAIN) for node in ast.walk(statement.value)))


def move_constants(definitions: list[Definition], uses: dict[int, set[str]],
                   kept: dict[str, ast.Module]) -> None:
    """Put each constant that the core does not use into the files that do.

    `uses` gives, by the id of a definition, the places of the code that names it.
    """
    for found in definitions:
        places = uses.get(id(found), set())
        if found.place == CORE and is_plain(found.statement) and not places & {CORE, *kept}:
            found.place, found.copies = "", frozenset(places)
