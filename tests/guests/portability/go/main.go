// A command in Go, without an SDK.
//
// Nine messages go to MQTT_ADDRESS: at each quality of service one of all 256 bytes, one of none, and one of 100 KB. Then
// MQTT_REFUSED_ADDRESS is opened, where nothing listens; the error of that is what it prints.
package main

import (
	"errors"
	"fmt"
	"os"
)

// What a host calls; 0 is success. It is built as a library (`-buildmode=c-shared`), of which main never runs.
//
//go:wasmexport wasi:cli/run@0.2.0#run
func run() uint32 {
	refused, err := publishAll()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(refused)
	return 0
}

func main() {}

// Publishes the messages, and returns what the connection that is refused fails with.
func publishAll() (refused error, err error) {
	bytes := make([]byte, 256)
	for i := range bytes {
		bytes[i] = byte(i)
	}
	large := make([]byte, 100_000)
	for i := range large {
		large[i] = byte(i % 251)
	}

	connection, err := Open(os.Getenv("MQTT_ADDRESS"), "", "", 30)
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	for qos := AtMostOnce; qos <= ExactlyOnce; qos++ {
		if err := connection.Publish(fmt.Sprintf("portability/%d/bytes", qos), bytes, qos); err != nil {
			return nil, err
		}
		if err := connection.Publish(fmt.Sprintf("portability/%d/empty", qos), nil, qos); err != nil {
			return nil, err
		}
		if err := connection.Publish(fmt.Sprintf("portability/%d/large", qos), large, qos); err != nil {
			return nil, err
		}
	}

	closed, refused := Open(os.Getenv("MQTT_REFUSED_ADDRESS"), "", "", 30)
	if refused == nil {
		refused = closed.Publish("portability", nil, AtLeastOnce)
	}
	if refused == nil {
		return nil, errors.New("the connection was not refused")
	}
	return refused, nil
}
