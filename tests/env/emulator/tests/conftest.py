"""One emulator for the whole run; every test has an account, and with it a world, of its own."""

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import emulator as emulator_module  # noqa: E402
from emulator import Emulator  # noqa: E402
from world import World  # noqa: E402

_accounts = itertools.count(200000000001)


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    running = emulator_module.start(tmp_path_factory.mktemp("emulator"), AIGW_FUNCTION_ENV_FROM_SUPERVISOR="yes")
    yield running
    running.stop()


@pytest.fixture
def world(emulator: Emulator) -> World:
    return World(emulator, str(next(_accounts)))
