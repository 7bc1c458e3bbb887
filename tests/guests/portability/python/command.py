"""A command: it publishes, and prints the error of the connection that is refused."""

from steps import publish_all
from wit_world import exports


class Run(exports.Run):
    def run(self) -> None:
        print(publish_all())
