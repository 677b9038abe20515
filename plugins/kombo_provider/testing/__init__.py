"""For the tests of those who use this provider.

`pytest_plugins = ["kombo_provider.testing"]` in the outermost `conftest.py` gives the fixture `kombo_sandbox`.
"""

from kombo_provider.testing.fixtures import KomboSandbox, kombo_sandbox

__all__ = ["KomboSandbox", "kombo_sandbox"]
