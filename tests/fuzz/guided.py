"""Parsers under a coverage-guided fuzzer (libFuzzer by atheris), each in a process of its own.

    python -m tests.fuzz.guided FOLDER SECONDS NAME...

Our packages are instrumented as they are imported, which takes longer than many a search; so one
process does that, and each target is a fork of it. FOLDER/NAME.log is what libFuzzer said, and
FOLDER/NAME/finding-... an input that was treated wrongly.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

RSS_MEGABYTES = 640
"""Of which the instrumented gateway takes some 200 by itself."""
GRACE_SECONDS = 60


def main(arguments: list[str]) -> None:
    """Fuzz each target for so long, one after the other."""
    # Before anything that is to be watched.
    import atheris  # type: ignore[import-untyped]  # noqa: PLC0415  # it has no types

    with atheris.instrument_imports(include=["adapters", "consent", "gateway", "schemas"]):
        from tests.fuzz.examining import CANARY, Target, examine  # noqa: PLC0415  # watched from here on
        from tests.fuzz.targets import TARGETS, seeds  # noqa: PLC0415

    def search(target: Target, folder: Path, seconds: int) -> None:
        corpus = folder / target.name / "corpus"
        corpus.mkdir(parents=True)
        for number, seed in enumerate(seeds(target)):
            (corpus / f"seed-{number:03d}").write_bytes(seed[: target.longest])
        words = folder / target.name / "words.dict"
        lines = (f'"{_escaped(word)}"\n' for word in (CANARY, *target.words()))
        words.write_text("".join(lines), encoding="ascii")
        options = [
            sys.argv[0],
            f"-max_total_time={seconds}",
            f"-max_len={target.longest}",
            f"-rss_limit_mb={RSS_MEGABYTES}",
            f"-timeout={max(2, int(4 * target.seconds))}",
            f"-dict={words}",
            f"-artifact_prefix={folder / target.name}/finding-",
            "-print_final_stats=1",
            str(corpus),
        ]
        atheris.Setup(options, lambda data: examine(target, data))
        atheris.Fuzz()

    folder, seconds = Path(arguments[0]), int(arguments[1])
    for name in arguments[2:]:
        child = os.fork()
        if child == 0:
            with (folder / f"{name}.log").open("wb") as log:
                os.dup2(log.fileno(), 1)
                os.dup2(log.fileno(), 2)
            search(TARGETS[name], folder, seconds)
            os._exit(0)
        _await(child, seconds + GRACE_SECONDS)


def _await(child: int, seconds: float) -> None:
    """Wait for a child, and end it where libFuzzer's own limits did not."""
    until = time.monotonic() + seconds
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > until:
            os.kill(child, 9)
            os.waitpid(child, 0)
            return
        time.sleep(0.05)


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    main(sys.argv[1:])
