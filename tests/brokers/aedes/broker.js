// aedes on a free port of 127.0.0.1, with nothing but memory to keep its sessions in. It says on standard error where it listens.
// Into the file that is its argument it writes, in mosquitto's words, each PUBLISH that it gets, and `Released TOPIC` for each
// message that it passes on; at QoS 2 before it answers.

import fs from 'node:fs'
import net from 'node:net'
import { Aedes } from 'aedes'

// A session may have all packet ids in use.
const broker = await Aedes.createBroker({ maxInflightInbound: 0 })

const log = fs.openSync(process.argv[2], 'a')
const say = (line) => fs.writeSync(log, `${Math.trunc(Date.now() / 1000)}: ${line}\n`)

// It is asked for each PUBLISH, duplicates included.
broker.authorizePublish = (client, packet, done) => {
  const { dup, qos, retain, messageId, topic, payload } = packet
  const flags = `d${Number(dup)}, q${qos}, r${Number(retain)}, m${messageId ?? 0}`
  say(`Received PUBLISH from ${client.id} (${flags}, '${topic}', ... (${payload.length} bytes))`)
  done(null)
}

broker.published = ({ topic }, client, done) => {
  // Without a client it is of aedes's own.
  if (client) say(`Released ${topic}`)
  done(null)
}

const server = net.createServer(broker.handle)
server.listen(0, '127.0.0.1', () => console.error(`listening on ${server.address().port}`))
