//! The dimensions of a fault, and the scripts that play it.

use end_to_end::{
    broker::{
        packet::{
            Packet, PacketKind::*, answer, connack, connack_with_session, puback, pubcomp, pubrec,
        },
        scripted::{Part, Script, Step},
    },
    probe::Qos,
};

/// One combination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    pub point: Point,
    pub fault: Fault,
    pub qos: Qos,
    pub is_kept: bool,
    pub connection: Connection,
    pub payload: usize,
    /// What the broker does when the guest comes back.
    pub second: Second,
}

/// How far the exchange has come when the fault happens: what the broker did last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Point {
    /// It accepted the TCP connection.
    Accept,
    /// It read CONNECT.
    Connect,
    /// It sent half of CONNACK.
    HalfConnack,
    /// It sent CONNACK.
    Connack,
    /// It completed the message before this one.
    Idle,
    /// It read the first byte of PUBLISH.
    PublishFirst,
    /// It read half of PUBLISH.
    PublishHalf,
    /// It read all of PUBLISH.
    Publish,
    /// It sent PUBACK.
    Puback,
    /// It sent PUBREC.
    Pubrec,
    /// It read PUBREL.
    Pubrel,
    /// It sent PUBCOMP.
    Pubcomp,
    /// It read DISCONNECT.
    Disconnect,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The broker closes the connection (FIN).
    Fin,
    /// It breaks the connection off (RST).
    Rst,
    /// It reads on, and says nothing more.
    Silence,
    /// It sends what is not MQTT.
    Garbage,
    /// It acknowledges another packet.
    WrongId,
    /// All that it sends from here on comes in single bytes.
    Bytewise,
    /// What it has to send comes in one piece with what it sends later.
    Merged,
}

/// Which message of the connection it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// The first.
    Fresh,
    /// The second.
    Reused,
}

/// What the broker does with the second connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Second {
    /// All as it should; it has the session if that was kept.
    Behaves,
    /// All as it should, but for a session that it has lost.
    Forgets,
    /// It closes when it has read CONNECT.
    DiesAgain,
    /// It refuses the CONNECT: the server is unavailable.
    RefusesConnect,
    /// It does not listen any more.
    RefusesTcp,
}

const POINTS: [Point; 13] = [
    Point::Accept,
    Point::Connect,
    Point::HalfConnack,
    Point::Connack,
    Point::Idle,
    Point::PublishFirst,
    Point::PublishHalf,
    Point::Publish,
    Point::Puback,
    Point::Pubrec,
    Point::Pubrel,
    Point::Pubcomp,
    Point::Disconnect,
];
const FAULTS: [Fault; 7] = [
    Fault::Fin,
    Fault::Rst,
    Fault::Silence,
    Fault::Garbage,
    Fault::WrongId,
    Fault::Bytewise,
    Fault::Merged,
];
const PAYLOADS: [usize; 4] = [0, 1, 4096, LARGE];
const SECONDS: [Second; 5] = [
    Second::Behaves,
    Second::Forgets,
    Second::DiesAgain,
    Second::RefusesConnect,
    Second::RefusesTcp,
];

/// More than a system is sure to take from a sender whom nobody reads.
pub const LARGE: usize = 1024 * 1024;

impl Case {
    /// All combinations that make sense.
    pub fn all() -> Vec<Self> {
        let mut cases = Vec::new();
        for point in POINTS {
            for fault in FAULTS {
                for qos in Qos::ALL {
                    for is_kept in [false, true] {
                        for connection in [Connection::Fresh, Connection::Reused] {
                            for payload in PAYLOADS {
                                for second in SECONDS {
                                    cases.push(Self {
                                        point,
                                        fault,
                                        qos,
                                        is_kept,
                                        connection,
                                        payload,
                                        second,
                                    });
                                }
                            }
                        }
                    }
                }
            }
        }
        cases.retain(Self::makes_sense);
        cases
    }

    /// Whether the packet id of the message is freed before it is sent, by PUBREL and PINGREQ.
    pub fn is_released_first(&self) -> bool {
        self.is_kept && self.qos == Qos::ExactlyOnce
    }

    /// Whether the connection is lost by the fault.
    pub fn is_lost(&self) -> bool {
        matches!(self.fault, Fault::Fin | Fault::Rst)
    }

    fn makes_sense(&self) -> bool {
        let is_there = match self.point {
            Point::Accept | Point::Connect | Point::HalfConnack | Point::Connack => {
                self.connection == Connection::Fresh
            }
            Point::Idle => self.connection == Connection::Reused,
            Point::PublishFirst | Point::PublishHalf | Point::Publish | Point::Disconnect => true,
            Point::Puback => self.qos == Qos::AtLeastOnce,
            Point::Pubrec | Point::Pubrel | Point::Pubcomp => self.qos == Qos::ExactlyOnce,
        };
        let can_fail = match self.fault {
            Fault::Fin | Fault::Rst | Fault::Silence | Fault::Garbage => true,
            Fault::WrongId => {
                self.point == Point::Publish && self.qos != Qos::AtMostOnce
                    || self.point == Point::Pubrel
            }
            Fault::Bytewise => self.point < Point::Puback || self.point == Point::Pubrel,
            Fault::Merged => {
                self.point == Point::Connect
                    && self.qos != Qos::AtMostOnce
                    && !self.is_released_first()
            }
        };
        let is_second_of_use = match self.second {
            Second::Behaves => true,
            Second::Forgets => self.is_lost() && self.is_kept,
            _ => self.is_lost(),
        };
        // Its bound is 17 s, which is for tests on virtual time to wait for.
        let is_long = self.payload == LARGE
            && (self.fault == Fault::Silence || self.second == Second::RefusesTcp);
        is_there && can_fail && is_second_of_use && !is_long
    }

    /// What the broker does on each connection.
    pub fn scripts(&self) -> Vec<Script> {
        let first = self.fail(self.reach_point());
        let connected = |connack| Script::new().receive(Connect).send(connack);
        let second = match self.second {
            Second::Behaves if self.is_kept => connected(connack_with_session()).then(Step::Behave),
            Second::Behaves | Second::Forgets => connected(connack(0)).then(Step::Behave),
            Second::DiesAgain => Script::new().receive(Connect).close(),
            Second::RefusesConnect => connected(connack(3)).close(),
            Second::RefusesTcp => return vec![first],
        };
        vec![first, second]
    }

    fn reach_point(&self) -> Script {
        let mut script = Script::new();
        if self.point == Point::Accept {
            return script;
        }
        script = script.receive(Connect);
        match self.point {
            Point::Connect => return script,
            Point::HalfConnack => return script.send(&connack(0)[..2]),
            _ => script = script.send(connack(0)),
        }
        if self.connection == Connection::Reused {
            script = script.receive(Publish).acknowledge(Publish);
        }
        if self.is_released_first() && self.point != Point::Idle {
            script = script
                .receive(PubRel)
                .acknowledge(PubRel)
                .receive(PingReq)
                .acknowledge(PingReq);
        }
        match self.point {
            Point::Accept | Point::Connect | Point::HalfConnack | Point::Connack | Point::Idle => {
                script
            }
            Point::PublishFirst => script.receive_part(Publish, Part::First),
            Point::PublishHalf => script.receive_part(Publish, Part::Half),
            Point::Publish => script.receive(Publish),
            Point::Puback | Point::Pubrec => script.receive(Publish).acknowledge(Publish),
            Point::Pubrel => script.receive(Publish).acknowledge(Publish).receive(PubRel),
            Point::Pubcomp => self.complete(script),
            Point::Disconnect => self.complete(script).receive(Disconnect),
        }
    }

    /// The exchange of one message.
    fn complete(&self, script: Script) -> Script {
        match self.qos {
            // A ping follows the first of a connection, and each of a kept session.
            Qos::AtMostOnce if self.connection == Connection::Fresh || self.is_kept => script
                .receive(Publish)
                .receive(PingReq)
                .acknowledge(PingReq),
            Qos::AtMostOnce => script.receive(Publish),
            Qos::AtLeastOnce => script.receive(Publish).acknowledge(Publish),
            Qos::ExactlyOnce => script
                .receive(Publish)
                .acknowledge(Publish)
                .receive(PubRel)
                .acknowledge(PubRel),
        }
    }

    fn fail(&self, script: Script) -> Script {
        match self.fault {
            Fault::Fin => script.close(),
            Fault::Rst => script.reset(),
            Fault::Silence => script,
            Fault::Garbage => script.send([0xFF; 16]),
            Fault::WrongId if self.point == Point::Pubrel => script.reply(PubRel, other_id),
            Fault::WrongId => script.reply(Publish, other_id),
            Fault::Bytewise => self.go_on(script.then(Step::Bytewise)).then(Step::Behave),
            Fault::Merged => script
                .receive(Publish)
                .reply(Publish, |publish| [connack(0), answer(publish)].concat())
                .then(Step::Behave),
        }
    }

    /// The answer that is due at the point.
    fn go_on(&self, script: Script) -> Script {
        match self.point {
            Point::Connect => script.send(connack(0)),
            Point::HalfConnack => script.send(&connack(0)[2..]),
            Point::Publish => script.acknowledge(Publish),
            Point::Pubrel => script.acknowledge(PubRel),
            _ => script,
        }
    }
}

/// The acknowledgement of a packet that was never sent.
fn other_id(packet: &Packet) -> Vec<u8> {
    match packet {
        Packet::Publish(publish) => match (publish.qos, publish.packet_id) {
            (1, Some(id)) => puback(id ^ 0x55),
            (_, Some(id)) => pubrec(id ^ 0x55),
            (_, None) => Vec::new(),
        },
        Packet::PubRel(id) => pubcomp(id ^ 0x55),
        _ => Vec::new(),
    }
}
