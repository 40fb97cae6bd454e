"""``python -m nasc_sdk`` is ``nasc-sdk``: how processes of the product start each other."""

from nasc_sdk.cli.main import main

main()
