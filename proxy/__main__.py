"""``python -m proxy`` is ``tallygate``."""

from proxy.cli.main import main

if __name__ == "__main__":
    main()
