# Flags common to all targets, and one function per kind of target.
include(GNUInstallDirs)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

add_library(belfry_flags INTERFACE)
target_compile_options(belfry_flags INTERFACE -Wall -Wextra -Wshadow -Wpedantic $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor>)
target_include_directories(belfry_flags INTERFACE ${CMAKE_SOURCE_DIR})
# GCC 12 at -O2 warns of what cannot be: overlapping copies in inlined std::string code (its bug 105329), unset variants.
target_compile_options(belfry_flags INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict -Wno-maybe-uninitialized>)
target_link_libraries(belfry_flags INTERFACE Threads::Threads)
if(BELFRY_SANITIZE)
  target_compile_options(belfry_flags INTERFACE -fsanitize=${BELFRY_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(belfry_flags INTERFACE -fsanitize=${BELFRY_SANITIZE})
  if(BELFRY_SANITIZE MATCHES undefined AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Half of GCC's compile time. AddressSanitizer sees most of it, but no wrong downcast and nothing that is not aligned: those
    # are left to fuzz (Clang).
    target_compile_options(belfry_flags INTERFACE -fno-sanitize=null,vptr,object-size,alignment)
  endif()
endif()
if(BELFRY_FUZZ)
  target_compile_options(belfry_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# belfry_library(NAME SOURCES a.cpp ... [LIBS x ...] [PRIVATE_LIBS y ...] [APART b.cpp ...]): a static library of one folder.
# APART: those that cannot be one file with the others in a unity build, for their names or types; it compiles them alone.
function(belfry_library NAME)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBS;PRIVATE_LIBS;APART" ${ARGN})
  add_library(${NAME} STATIC ${ARG_SOURCES})
  set_source_files_properties(${ARG_APART} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  target_link_libraries(${NAME} PUBLIC ${ARG_LIBS} PRIVATE $<BUILD_INTERFACE:belfry_flags> ${ARG_PRIVATE_LIBS})
  target_include_directories(${NAME} PUBLIC $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}>)
endfunction()

# belfry_plugin(NAME SOURCES ... [LIBS ...]): one source, two forms. NAME_static can be linked in and defines
# belfry_plugin_entry_NAME (see BELFRY_PLUGIN in sdk/plugin/plugin.hpp); NAME is the loadable library NAME.so, whose only
# exported symbol is belfry_plugin_entry.
function(belfry_plugin NAME)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
  add_library(${NAME}_static STATIC ${ARG_SOURCES})
  target_link_libraries(${NAME}_static PUBLIC belfry_base ${ARG_LIBS} PRIVATE belfry_flags)
  target_include_directories(${NAME}_static PUBLIC ${CMAKE_SOURCE_DIR})
  set(ENTRY ${CMAKE_BINARY_DIR}/entries/${NAME}.c)
  configure_file(${CMAKE_SOURCE_DIR}/cmake/plugin_entry.c.in ${ENTRY} @ONLY)
  add_library(${NAME} MODULE ${ENTRY})
  target_link_libraries(${NAME} PRIVATE ${NAME}_static belfry_flags)
  target_link_options(${NAME} PRIVATE -Wl,--exclude-libs,ALL)
  set_target_properties(${NAME} PROPERTIES PREFIX "" LINKER_LANGUAGE CXX
                        LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib/belfry/plugins)
  install(TARGETS ${NAME} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/belfry/plugins)
endfunction()

# belfry_test(NAME SOURCES ... [LIBS ...] [LABELS ...] [TIMEOUT s] [ONE_THREAD]): one Catch2 program, one ctest entry.
# ONE_THREAD: there is never a second one in it, so ThreadSanitizer could find nothing, and with that it is not built.
function(belfry_test NAME)
  cmake_parse_arguments(ARG "ONE_THREAD" "TIMEOUT" "SOURCES;LIBS;LABELS" ${ARGN})
  if(ARG_ONE_THREAD AND BELFRY_SANITIZE STREQUAL "thread")
    return()
  endif()
  find_package(Catch2 3 REQUIRED)
  add_executable(${NAME} ${ARG_SOURCES})
  target_link_libraries(${NAME} PRIVATE belfry_flags ${ARG_LIBS} Catch2::Catch2WithMain)
  add_test(NAME ${NAME} COMMAND ${NAME})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  if(BELFRY_SANITIZE)  # several times slower
    math(EXPR ARG_TIMEOUT "${ARG_TIMEOUT} * 2")
  endif()
  set_tests_properties(${NAME} PROPERTIES TIMEOUT ${ARG_TIMEOUT} SKIP_RETURN_CODE 4 LABELS "${ARG_LABELS}"
                       ENVIRONMENT "TSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/support/tsan.supp")
endfunction()
