"""Benchmarks: what EVSYS costs beside a bare echo, and what an idle station costs in memory."""
