"""Settings for all tests.

Property tests draw the same examples each time, so that a change is judged by what it changes.
`pytest --hypothesis-profile=random` draws others.
"""

from failing import pytest_configure as pytest_configure
from hypothesis import HealthCheck, settings
from layers import pytest_terminal_summary as pytest_terminal_summary

# A busy machine is no reason to fail.
settings.register_profile("random", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("fixed", settings.get_profile("random"), derandomize=True)
settings.load_profile("fixed")
