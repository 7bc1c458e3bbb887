fn main() { println!("{}", spin_mqtt_composer::ADAPTER.len()); }
