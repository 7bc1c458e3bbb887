// What each JavaScript guest does.
//
// Nine messages go to MQTT_ADDRESS: at each quality of service one of all 256 bytes, one of none, and one of 100 KB. Then
// MQTT_REFUSED_ADDRESS is opened, where nothing listens.

import { Connection } from 'fermyon:spin/mqtt@2.0.0';
import { getEnvironment } from 'wasi:cli/environment@0.2.3';

const QOS = ['at-most-once', 'at-least-once', 'exactly-once'];

const CONTENTS = {
  bytes: Uint8Array.from({ length: 256 }, (_, i) => i),
  empty: new Uint8Array(),
  large: Uint8Array.from({ length: 100_000 }, (_, i) => i % 251),
};

// Publishes the messages, and returns what the connection that is refused fails with.
export function publishAll() {
  const env = Object.fromEntries(getEnvironment());
  const connection = Connection.open(env.MQTT_ADDRESS, '', '', 30n);
  QOS.forEach((qos, number) => {
    for (const [name, payload] of Object.entries(CONTENTS)) {
      connection.publish(`portability/${number}/${name}`, payload, qos);
    }
  });
  try {
    Connection.open(env.MQTT_REFUSED_ADDRESS, '', '', 30n).publish('portability', new Uint8Array(), 'at-least-once');
  } catch (error) {
    return `${error.payload.tag}: ${error.payload.val}`;
  }
  throw new Error('the connection was not refused');
}
