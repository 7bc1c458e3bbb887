"""What each Python guest does.

Nine messages go to MQTT_ADDRESS: at each quality of service one of all 256 bytes, one of none, and one of 100 KB. Then
MQTT_REFUSED_ADDRESS is opened, where nothing listens.
"""

import os

from componentize_py_types import Err
from wit_world.imports.mqtt import Connection, Qos

CONTENTS = {
    "bytes": bytes(range(256)),
    "empty": b"",
    "large": bytes(i % 251 for i in range(100_000)),
}


def publish_all() -> str:
    """Publishes the messages, and returns what the connection that is refused fails with."""
    with Connection.open(os.environ["MQTT_ADDRESS"], "", "", 30) as connection:
        for qos in Qos:
            for name, payload in CONTENTS.items():
                connection.publish(f"portability/{qos.value}/{name}", payload, qos)
    try:
        with Connection.open(os.environ["MQTT_REFUSED_ADDRESS"], "", "", 30) as refused:
            refused.publish("portability", b"", Qos.AT_LEAST_ONCE)
    except Err as error:
        return str(error.value)
    raise RuntimeError("the connection was not refused")
