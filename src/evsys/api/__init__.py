"""The HTTP door: REST under /api/v1, EVSYS' own POST /api, health and metrics."""
