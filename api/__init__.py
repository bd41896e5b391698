"""The HTTP API: `create_app` in `api/factory.py`, one blueprint a file, `python -m api`."""
