# Filled in with the SDK package (exported CMake package and pkg-config file).
