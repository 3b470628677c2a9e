// What lies in the file: a table `belfry` with the plugin's name, the format and the applied index, and the tables of the
// seam, table0 .. table7, each (key BLOB, value BLOB) in the order of its keys.
#pragma once

#include "plugins/storage_sqlite/database.hpp"

namespace belfry::storage_sqlite {

inline constexpr const char* plugin_name = "storage_sqlite";
inline constexpr uint32_t format = 1;  // of the data, stored in it; raised when an older release could not read it
inline constexpr const char* file_name = "/state.sqlite";

// Puts a new file into WAL mode and makes the tables; checks that an old one is ours. incompatible: it is not, or it is
// newer.
Status prepare_schema(Database& database, const std::string& path);

}  // namespace belfry::storage_sqlite
