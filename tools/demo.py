"""The central system and ten charge points in software, time running sixty times as fast. Ctrl-C ends both.

Options go to the simulator, all but one: `tools/demo.py --conf FILE --stations 50 --speed 10`.
"""

import argparse
import signal
import subprocess
import sys

EVSYS = [sys.executable, "-m", "evsys"]
SIMULATE = ["--stations", "10", "--speed", "60"]
SERVES = "stations connect to "
"""What the server says when it does, before its address."""


def main() -> int:
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--conf", default="deploy/demo.yml")
    own, options = parser.parse_known_args()
    server = subprocess.Popen([*EVSYS, "serve", "--conf", own.conf], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        for line in server.stdout:
            print(line, end="", flush=True)
            if line.startswith(SERVES):
                url = line.removeprefix(SERVES).strip()
                return subprocess.run([*EVSYS, "simulate", url, *SIMULATE, *options], check=False).returncode
        return 1  # it has said why
    except KeyboardInterrupt:
        return 130
    finally:
        # Ctrl-C reaches the server too; a second signal does no harm.
        server.send_signal(signal.SIGTERM)
        server.wait()


if __name__ == "__main__":
    sys.exit(main())
