"""What the Makefile's commands run: it keeps their logic in Python, where it is typed and tested."""

import os

# Jupyter reads these while it is imported. A kernel named python3 that someone installed for another Python must not win
# over the environment's own; and the warning about Jupyter's move to other folders would be an error in our tests.
os.environ.setdefault("JUPYTER_PREFER_ENV_PATH", "1")
os.environ.setdefault("JUPYTER_PLATFORM_DIRS", "1")
