"""The front doors: what they name, that they are light, and that every public thing says what it is."""

import importlib
import inspect
import pkgutil
import subprocess
import sys

import pytest

import pycrm
import pycrm.model

HEAVY = ("numpy", "pandas", "scipy", "sqlalchemy", "narwhals", "rapidfuzz", "cattrs", "polars", "matplotlib", "sklearn")


def modules(package):
    return [found.name for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]


@pytest.mark.parametrize(
    "code",
    [
        "import pycrm",
        "import pycrm.model",
        "from pycrm import Customer, Order, may_contact; Customer",
        "import pycrm.errors",
    ],
)
def test_the_front_doors_load_nothing_heavy(code):
    check = f"{code}\nimport sys\nprint([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_serialize_loads_no_numbers():
    check = f"import pycrm.serialize, sys; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['cattrs']"


def test_a_front_door_resolves_each_of_its_names_and_no_other():
    for door in (pycrm, pycrm.model):
        assert dir(door) == sorted(door.__all__) == sorted(set(door.__all__))
        for name in door.__all__:
            assert getattr(door, name) is not None
        with pytest.raises(AttributeError, match="nothing_of_that_name"):
            _ = door.nothing_of_that_name


def test_the_door_of_the_model_names_what_its_modules_export():
    internal = {"pycrm.model.checks"}
    own = {
        "compare", "kind_of", "paths_of", "reach",  # of predicate, for those who evaluate it elsewhere
        "currency_code", "in_utc", "instant", "is_date", "is_instant", "is_zone", "objections", "purposes_above",
        "apply", "post", "replay", "statement", "transfer",  # of points, used qualified: points.post(...)
        "RANKS", "Step", "walk",  # of journey, for the columns of bulk
    }  # fmt: skip
    exported = {
        name: module
        for module in modules(pycrm.model)
        if module not in internal
        for name in importlib.import_module(module).__all__
    }
    assert set(exported) - own == set(pycrm.model.__all__)
    for name in pycrm.model.__all__:
        assert getattr(pycrm.model, name) is getattr(importlib.import_module(exported[name]), name)


def test_the_front_door_names_only_what_model_and_errors_export():
    assert set(pycrm.__all__) <= set(pycrm.model.__all__) | set(pycrm.errors.__all__)
    for name in pycrm.__all__:
        home = pycrm.model if name in pycrm.model.__all__ else pycrm.errors
        assert getattr(pycrm, name) is getattr(home, name)


@pytest.mark.parametrize("name", ["pycrm.errors", "pycrm.serialize", "pycrm.normalise", *modules(pycrm.model)])
def test_every_public_class_and_function_says_what_it_is(name):
    module = importlib.import_module(name)
    assert module.__doc__
    for public in module.__all__:
        value = getattr(module, public)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert inspect.getdoc(value), public
            for member, inner in vars(value).items() if inspect.isclass(value) else ():
                if inspect.isfunction(inner) and not member.startswith("_"):
                    assert inspect.getdoc(inner), f"{public}.{member}"
