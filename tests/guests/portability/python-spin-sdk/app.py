"""A Spin HTTP component on Spin's SDK for Python: it publishes at each request.

Nine messages go to MQTT_ADDRESS: at each quality of service one of all 256 bytes, one of none, and one of 100 KB. Then
MQTT_REFUSED_ADDRESS is opened, where nothing listens; the error of that is the answer.
"""

import os

from spin_sdk import http, mqtt
from spin_sdk.http import Request, Response
from spin_sdk.mqtt import Qos
from spin_sdk.wit.types import Err

CONTENTS = {
    "bytes": bytes(range(256)),
    "empty": b"",
    "large": bytes(i % 251 for i in range(100_000)),
}
TEXT = {"content-type": "text/plain"}


class IncomingHandler(http.IncomingHandler):
    def handle_request(self, request: Request) -> Response:
        try:
            return Response(200, TEXT, publish_all().encode())
        except Exception as error:
            return Response(500, TEXT, repr(error).encode())


def publish_all() -> str:
    """Publishes the messages, and returns what the connection that is refused fails with."""
    with mqtt.open(os.environ["MQTT_ADDRESS"], "", "", 30) as connection:
        for qos in Qos:
            for name, payload in CONTENTS.items():
                connection.publish(f"portability/{qos.value}/{name}", payload, qos)
    try:
        with mqtt.open(os.environ["MQTT_REFUSED_ADDRESS"], "", "", 30) as refused:
            refused.publish("portability", b"", Qos.AT_LEAST_ONCE)
    except Err as error:
        return str(error.value)
    raise RuntimeError("the connection was not refused")
