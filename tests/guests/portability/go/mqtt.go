package main

import (
	"errors"
	"runtime"
	"unsafe"
)

// Spin's MQTT, as the canonical ABI of the component model has it: a string or a list is two arguments, and what does not fit
// into one result is written to where the last argument points. `compose` knows this interface, and makes the component of the
// module; see docs/guests/go.md.

//go:wasmimport fermyon:spin/mqtt@2.0.0 [static]connection.open
func open(address unsafe.Pointer, addressLength uint32, username unsafe.Pointer, usernameLength uint32,
	password unsafe.Pointer, passwordLength uint32, keepAliveSecs uint64, result unsafe.Pointer)

//go:wasmimport fermyon:spin/mqtt@2.0.0 [method]connection.publish
func publish(connection uint32, topic unsafe.Pointer, topicLength uint32, payload unsafe.Pointer, payloadLength uint32,
	qos uint32, result unsafe.Pointer)

//go:wasmimport fermyon:spin/mqtt@2.0.0 [resource-drop]connection
func dropConnection(connection uint32)

// The error of a call: a variant, of which the kinds 2 and 3 have a text.
type failure struct {
	kind   uint8
	text   uint32
	length uint32
}

// result<connection, error>
type openResult struct {
	isError uint8
	// The connection, or the kind of the error.
	value  uint32
	text   uint32
	length uint32
}

// result<_, error>
type publishResult struct {
	isError uint8
	error   failure
}

// Connection is a connection to a broker. Close it.
type Connection struct{ handle uint32 }

// QoS is the quality of service of a message.
type QoS uint32

// At most, at least and exactly once.
const (
	AtMostOnce QoS = iota
	AtLeastOnce
	ExactlyOnce
)

// Open opens a connection to the broker at address.
func Open(address, username, password string, keepAliveSecs uint64) (*Connection, error) {
	var result openResult
	open(text(address), uint32(len(address)), text(username), uint32(len(username)), text(password), uint32(len(password)),
		keepAliveSecs, unsafe.Pointer(&result))
	runtime.KeepAlive(address)
	if result.isError != 0 {
		return nil, failure{uint8(result.value), result.text, result.length}.error()
	}
	return &Connection{result.value}, nil
}

// Publish publishes payload to topic, and returns once the promise of qos is kept.
func (connection *Connection) Publish(topic string, payload []byte, qos QoS) error {
	var result publishResult
	publish(connection.handle, text(topic), uint32(len(topic)), unsafe.Pointer(unsafe.SliceData(payload)), uint32(len(payload)),
		uint32(qos), unsafe.Pointer(&result))
	if result.isError != 0 {
		return result.error.error()
	}
	return nil
}

// Close closes the connection.
func (connection *Connection) Close() { dropConnection(connection.handle) }

func text(s string) unsafe.Pointer { return unsafe.Pointer(unsafe.StringData(s)) }

func (failure failure) error() error {
	kinds := []string{"invalid-address", "too-many-connections", "connection-failed", "other"}
	if failure.length == 0 {
		return errors.New(kinds[failure.kind])
	}
	text := unsafe.String((*byte)(unsafe.Pointer(uintptr(failure.text))), failure.length)
	return errors.New(kinds[failure.kind] + ": " + string([]byte(text)))
}

// What the texts of errors are written to, until the program ends: the garbage collector must not take it before it is read.
var texts [][]byte

//go:wasmexport cabi_import_realloc
func importRealloc(old unsafe.Pointer, oldSize, alignment, size uint32) unsafe.Pointer {
	texts = append(texts, make([]byte, size))
	return unsafe.Pointer(unsafe.SliceData(texts[len(texts)-1]))
}

// What makes WASI 0.2 of the WASI preview 1 that Go's runtime calls has its two pages of memory here. Else it would grow ours,
// and Go's runtime takes all memory that follows its own for its own.
var (
	adapterMemory [3 << 16]byte
	adapterUsed   uint32
)

// It is called while the runtime initializes itself, and may not allocate or grow the stack.
//
//go:wasmexport cabi_realloc_adapter
//go:nosplit
func adapterRealloc(old unsafe.Pointer, oldSize, alignment, size uint32) unsafe.Pointer {
	start := uint32(uintptr(unsafe.Pointer(&adapterMemory)))
	at := (start + adapterUsed + alignment - 1) &^ (alignment - 1)
	adapterUsed = at + size - start
	return unsafe.Pointer(uintptr(at))
}
