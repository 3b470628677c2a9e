/* A plugin of another time: built for the next major ABI, with a descriptor of which nothing but the version may be read.
 */
#include "sdk/plugin/plugin.h"

BELFRY_EXPORT const belfry_plugin_descriptor* belfry_plugin_entry(const belfry_host_v1* host, belfry_error* error);

const belfry_plugin_descriptor* belfry_plugin_entry(const belfry_host_v1* host, belfry_error* error) {
    static const belfry_plugin_descriptor descriptor = {
        .struct_size = 8, .abi_major = BELFRY_ABI_MAJOR + 1, .abi_minor = 3, .name = (const char*)1, .interface_count = 1};
    (void)host;
    (void)error;
    return &descriptor;
}
