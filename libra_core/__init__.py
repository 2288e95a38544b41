"""LIBRA: language-model-informed bandit recourse for treatment planning. Research demonstration, simulated outcomes."""

__version__ = "0.1.0"
