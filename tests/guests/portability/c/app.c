// A command in C, with no libc and no WASI: all that it imports is Spin's MQTT and variables, so that what it needs of a host
// is what the adapter needs.
//
// Nine messages go to the variable `address`: at each quality of service one of all 256 bytes, one of none, and one of 100 KB.
// Then the variable `refused_address` is opened, where nothing listens. Without WASI there is no standard output: the error
// of that is published to `portability/refused`.
//
// The declarations are what the canonical ABI of the component model makes of wit/fermyon-spin: a string or a list is two
// arguments, and what does not fit into one result is written to where the last argument points. `compose` knows these
// interfaces, and makes the component of the module; see docs/guests/c.md.

typedef __SIZE_TYPE__ size_t;
typedef __UINT8_TYPE__ uint8_t;
typedef __UINT32_TYPE__ uint32_t;
typedef __UINT64_TYPE__ uint64_t;

#define IMPORT(interface, function) __attribute__((import_module(interface), import_name(function)))
#define EXPORT(name) __attribute__((export_name(name)))
#define MQTT "fermyon:spin/mqtt@2.0.0"
#define VARIABLES "fermyon:spin/variables@2.0.0"

typedef struct {
    const char *bytes;
    size_t length;
} string;

#define STRING(literal) ((string){literal, sizeof literal - 1})

// variant error { invalid-address, too-many-connections, connection-failed(string), other(string) }
typedef struct {
    uint8_t kind;
    string text;
} error;

// result<connection, error>
typedef struct {
    uint8_t is_error;
    union {
        uint32_t connection;
        error error;
    };
} open_result;

// result<_, error>
typedef struct {
    uint8_t is_error;
    error error;
} publish_result;

// result<string, error>; the errors of variables are texts, each in its place behind the kind
typedef struct {
    uint8_t is_error;
    union {
        string value;
        error error;
    };
} get_result;

IMPORT(MQTT, "[static]connection.open")
void mqtt_open(const char *address, size_t address_length, const char *username, size_t username_length,
               const char *password, size_t password_length, uint64_t keep_alive_secs, open_result *result);

IMPORT(MQTT, "[method]connection.publish")
void mqtt_publish(uint32_t connection, const char *topic, size_t topic_length, const uint8_t *payload, size_t payload_length,
                  uint32_t qos, publish_result *result);

IMPORT(MQTT, "[resource-drop]connection")
void mqtt_drop(uint32_t connection);

IMPORT(VARIABLES, "get")
void variables_get(const char *name, size_t name_length, get_result *result);

// Where results are put that have texts. Nothing is ever freed: the command is short.
static uint8_t heap[64 * 1024];
static size_t used;

EXPORT("cabi_realloc")
void *cabi_realloc(void *old, size_t old_size, size_t alignment, size_t size) {
    (void)old_size;
    used = (used + alignment - 1) & ~(alignment - 1);
    if (old || size > sizeof heap - used) __builtin_trap();
    used += size;
    return heap + used - size;
}

static int open_variable(string name, open_result *result) {
    get_result address;
    variables_get(name.bytes, name.length, &address);
    if (address.is_error) return 0;
    mqtt_open(address.value.bytes, address.value.length, "", 0, "", 0, 30, result);
    return 1;
}

static int publish(uint32_t connection, string topic, const uint8_t *payload, size_t length, uint32_t qos) {
    publish_result result;
    mqtt_publish(connection, topic.bytes, topic.length, payload, length, qos, &result);
    return !result.is_error;
}

// wasi:cli/run, which a host calls; 0 is success.
EXPORT("wasi:cli/run@0.2.0#run")
uint32_t run(void) {
    static uint8_t bytes[256], large[100000];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = i;
    for (size_t i = 0; i < sizeof large; i++) large[i] = i % 251;

    open_result broker, refused;
    if (!open_variable(STRING("address"), &broker) || broker.is_error) return 1;
    for (uint32_t qos = 0; qos < 3; qos++) {
        char topic[] = "portability/0/bytes", empty[] = "portability/0/empty", big[] = "portability/0/large";
        topic[12] = empty[12] = big[12] = '0' + qos;
        if (!publish(broker.connection, STRING(topic), bytes, sizeof bytes, qos)) return 1;
        if (!publish(broker.connection, STRING(empty), bytes, 0, qos)) return 1;
        if (!publish(broker.connection, STRING(big), large, sizeof large, qos)) return 1;
    }

    if (!open_variable(STRING("refused_address"), &refused) || !refused.is_error) return 1;
    string text = refused.error.text;
    if (!publish(broker.connection, STRING("portability/refused"), (const uint8_t *)text.bytes, text.length, 1)) return 1;
    mqtt_drop(broker.connection);
    return 0;
}
