"""Show what this machine has and what it lacks: versions, runtimes, providers that really load, extras.

Exit status: 0 if models can run here, 2 if not.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict

from edge.cli import DONE, NOTHING_DONE
from edge.inventory import Inventory, take_inventory


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `eyespot doctor` takes."""
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Print the inventory and return the exit status."""
    inventory = take_inventory()
    if arguments.json:
        print(json.dumps(asdict(inventory), indent=2))
    else:
        rows = list(inventory_rows(inventory))
        width = max(len(name) for name, _ in rows)
        print("\n".join(f"{name:<{width}}   {value}" for name, value in rows))
    return NOTHING_DONE if inventory.problems else DONE


def inventory_rows(inventory: Inventory) -> Iterator[tuple[str, str]]:
    """Yield the inventory as names and values for a person."""
    yield "eyespot", inventory.eyespot or "not installed as a package"
    yield "python", f"{inventory.python} on {inventory.platform}"
    yield "processor", f"{inventory.cpu}, {inventory.cores} cores"
    yield "features", " ".join(inventory.cpu_features) or "none known"
    for name, version in inventory.packages.items():
        yield name, version or "not installed"
    for probe in inventory.providers:
        yield probe.name, "works" if probe.works else f"does not work here: {probe.reason}"
    for extra in inventory.extras:
        yield f"eyespot[{extra.name}]", f"would add {', '.join(extra.missing)}" if extra.missing else "complete"
    for problem in inventory.problems or ("none",):
        yield "problem", problem
