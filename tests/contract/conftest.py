"""stripe-mock: Stripe's own mock, which checks every request against Stripe's OpenAPI."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest


def find_stripe_mock():
    """The binary, from the path or from where `go install` puts it; None where there is none."""
    found = shutil.which("stripe-mock")
    if found:
        return found
    go = shutil.which("go")
    gopath = (
        subprocess.run([go, "env", "GOPATH"], capture_output=True, text=True, check=True).stdout
        if go
        else os.environ.get("GOPATH", "~/go")
    )
    binary = Path(gopath.strip()).expanduser() / "bin" / "stripe-mock"
    return str(binary) if binary.exists() else None


@pytest.fixture(scope="session")
def stripe_mock():
    """The address of a running stripe-mock."""
    binary = find_stripe_mock()
    if binary is None:
        pytest.skip("stripe-mock is not installed: .ci/run shows how")
    # Port 0: the system chooses a free one, and stripe-mock says which.
    command = [binary, "-http-addr", "127.0.0.1:0", "-https-addr", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield f"http://{address_of(process)}"
        finally:
            process.terminate()


def address_of(process):
    for line in process.stdout:
        found = re.search(r"HTTP at address: (\S+)", line)
        if found:
            return found[1]
    raise RuntimeError("stripe-mock ended without saying where it listens")
