"""A command: it publishes, and prints the error of the connection that is refused."""

import sys

from componentize_py_types import Err
from steps import publish_all
from wit_world import exports


class Run(exports.Run):
    def run(self) -> None:
        try:
            print(publish_all())
        except Err as error:
            # Raised further it is the result of `run`, which has no text.
            print(error.value, file=sys.stderr)
            raise
