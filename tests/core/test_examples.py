"""The examples in the docstrings of the public surface run, and every name of that surface has one."""

import doctest
import importlib

import pytest

PUBLIC = {
    "libra_core.digits": ("fixed",),
    "libra_core.advisors.base": ("Advisor",),
    "libra_core.environments.base": ("Environment",),
    "libra_core.glm.estimator": ("Estimator",),
    "libra_core.policies.base": ("Policy",),
    "libra_core.recourse.certificate": ("certify",),
    "libra_core.recourse.optimistic": ("plan",),
    "libra_core.study.batch": ("run_study",),
    "libra_core.study.runner": ("make_policy", "run"),
}


@pytest.mark.parametrize("name", PUBLIC)
def test_examples_run(name: str) -> None:
    module = importlib.import_module(name)
    found = {test.name.removeprefix(f"{name}."): test for test in doctest.DocTestFinder().find(module, name)}
    for wanted in PUBLIC[name]:
        assert found[wanted].examples, f"{wanted} has no example"
        assert not doctest.DocTestRunner().run(found[wanted]).failed
