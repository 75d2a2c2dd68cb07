"""The central system and ten charge points in software, time running sixty times as fast. Ctrl-C ends both.

Options go to the simulator: `tools/demo.py --stations 50 --speed 10`.
"""

import signal
import subprocess
import sys

EVSYS = [sys.executable, "-m", "evsys"]
SIMULATE = ["simulate", "ws://127.0.0.1:5000/ws", "--stations", "10", "--speed", "60"]


def main() -> int:
    serve = [*EVSYS, "serve", "--conf", "deploy/demo.yml"]
    server = subprocess.Popen(serve, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        for line in server.stdout:
            print(line, end="", flush=True)
            if line.startswith("stations connect to"):
                return subprocess.run([*EVSYS, *SIMULATE, *sys.argv[1:]], check=False).returncode
        return 1  # it has said why
    except KeyboardInterrupt:
        return 130
    finally:
        # Ctrl-C reaches the server too; a second signal does no harm.
        server.send_signal(signal.SIGTERM)
        server.wait()


if __name__ == "__main__":
    sys.exit(main())
