"""What pyproject.toml cannot say: data/ stays at the top of the source tree and travels inside the package."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["libra_core*"]), "libra_core.data"],
    package_dir={"libra_core.data": "data"},
    package_data={
        "libra_core": ["report/*.j2"],
        "libra_core.data": ["*.toml", "advice/*", "cohorts/*", "learned/*", "prompts/*", "studies/*", "text/*"],
    },
)
