/* The plugin ABI as it was released, for plugins that somebody built then: written down once, never changed, and including
 * nothing of today's headers. OLD_MINOR is the release. */
#include <stddef.h>
#include <stdint.h>

typedef int32_t old_status;
enum { old_ok = 0, old_invalid_argument = 1, old_kind_filter = 3, old_major = 1 };

typedef struct old_bytes {
    const void* data;
    uint64_t size;
} old_bytes;

typedef struct old_error {
    uint32_t struct_size;
    uint32_t reserved;
    char message[1024];
} old_error;

typedef struct old_interface {
    uint32_t kind;
    uint32_t reserved;
    const void* table;
} old_interface;

typedef struct old_descriptor {
    uint32_t struct_size;
    uint16_t abi_major, abi_minor;
    const char* name;
    const char* version;
    const char* summary;
    const old_interface* interfaces;
    uint64_t interface_count;
} old_descriptor;

typedef struct old_filter old_filter;

typedef struct old_filter_table {
    uint32_t struct_size;
    uint32_t reserved;
    const char* kind;
    old_status (*compile)(old_bytes spec, old_filter** filter, old_error* error);
    void (*canonical)(const old_filter*, old_bytes* spec);
    void (*range)(const old_filter*, old_bytes* begin, old_bytes* end);
    int32_t (*matches)(const old_filter*, old_bytes key, old_bytes value);
    void (*close)(old_filter*);
#if OLD_MINOR >= 1
    int32_t (*reads_value)(const old_filter*);
#endif
} old_filter_table;
