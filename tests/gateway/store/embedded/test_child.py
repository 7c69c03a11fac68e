"""The step before PostgreSQL: it binds the program to the gateway, by the kernel or by a pipe."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.store.embedded import child, start_embedded

ROOT = Path(__file__).resolve().parents[4]
STEP = [sys.executable, "-I", "-S", str(Path(child.__file__))]
STAY = ["-1", "-1"]

# The pipe serves systems whose kernel has no death signal; here it is asked for by name.
OWNER_BY_PIPE = """
import json, sys
from pathlib import Path
from gateway.store.embedded import start_embedded
sys.platform = "darwin"
server = start_embedded(Path(sys.argv[1]))
print(json.dumps({"pid": server.pid}), flush=True)
if sys.stdin.read() == "stop":
    server.stop()
"""


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="sluis-test-")).resolve()
    folder.chmod(0o711)
    yield folder / "data"
    shutil.rmtree(folder)


def test_a_program_whose_gateway_is_gone_already_is_not_started() -> None:
    step = [*STEP, str(os.getpid() + 1), "2", *STAY, "-1", "/bin/echo", "started"]
    ended = subprocess.run(step, capture_output=True, check=False)
    assert (ended.returncode, ended.stdout) == (child.GATEWAY_GONE, b"")


def test_the_program_sees_nothing_of_the_gateways_environment() -> None:
    step = [*STEP, str(os.getpid()), "2", *STAY, "-1", "/usr/bin/env"]
    ended = subprocess.run(
        step, capture_output=True, check=True, env={**os.environ, "SLUIS_KEY": "geheim"}
    )
    names = {line.split(b"=")[0] for line in ended.stdout.splitlines()}
    assert names == {b"LC_ALL", b"TZ", b"PATH"}


def test_a_user_we_may_not_become_ends_it() -> None:
    if os.geteuid() == 0:
        pytest.skip("NOT TESTED: root may become anyone")
    step = [*STEP, str(os.getpid()), "2", "0", "0", "-1", "/bin/echo", "started"]
    ended = subprocess.run(step, capture_output=True, check=False)
    assert (ended.returncode, ended.stdout) == (child.NOT_THAT_USER, b"")


def test_closing_the_pipe_signals_the_program_and_no_other() -> None:
    watched, held = os.pipe()
    step = [*STEP, str(os.getpid()), str(int(signal.SIGTERM)), *STAY, str(watched)]
    program = subprocess.Popen([*step, "/bin/sleep", "60"], pass_fds=[watched])
    os.close(watched)
    with pytest.raises(subprocess.TimeoutExpired):
        program.wait(0.3)
    os.close(held)
    assert program.wait(10) == -signal.SIGTERM


@pytest.mark.parametrize("ending", ["killed", "stopped"])
def test_a_server_bound_by_a_pipe_ends_with_its_gateway(data: Path, ending: str) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER_BY_PIPE, str(data)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
    )
    assert owner.stdout is not None
    assert owner.stdin is not None
    json.loads(owner.stdout.readline())
    time.sleep(0.1)
    if ending == "killed":
        owner.kill()
        owner.stdin.close()
    else:
        owner.stdin.write(b"stop")
        owner.stdin.close()
    owner.wait(30)
    owner.stdout.close()
    # Only once the last process of the old server is gone is its lock free.
    start_embedded(data).stop()
    log = (data / "postgresql.log").read_text()
    asked = "immediate" if ending == "killed" else "fast"
    assert f"received {asked} shutdown request" in log
    assert "terminating any other active server processes" not in log
