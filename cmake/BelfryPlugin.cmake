# For authors of plugins; find_package(Belfry) includes it, and so does our own tree for examples/.

# Built with one of these, a plugin's tests find what the suite alone cannot see. `belfry` itself is as it was installed: the
# sanitizer's library is loaded before it.
set(BELFRY_PLUGIN_SANITIZE "" CACHE STRING "address (overruns, leaks) or thread (races): how plugins are built and tested")
set_property(CACHE BELFRY_PLUGIN_SANITIZE PROPERTY STRINGS "" address thread)

# belfry_add_plugin(NAME source...): the loadable plugin NAME.so, in C or C++. Only belfry_plugin_entry is visible from outside.
function(belfry_add_plugin NAME)
  add_library(${NAME} MODULE ${ARGN})
  if(ARGN MATCHES "\\.c(;|$)")  # C needs the headers alone
    target_include_directories(${NAME} PRIVATE $<TARGET_PROPERTY:Belfry::base,INTERFACE_INCLUDE_DIRECTORIES>)
  else()
    target_link_libraries(${NAME} PRIVATE Belfry::base)
  endif()
  target_compile_definitions(${NAME} PRIVATE BELFRY_PLUGIN_LOADABLE)
  target_link_options(${NAME} PRIVATE -Wl,--exclude-libs,ALL)
  if(BELFRY_PLUGIN_SANITIZE)
    target_compile_options(${NAME} PRIVATE -fsanitize=${BELFRY_PLUGIN_SANITIZE} -fno-omit-frame-pointer -g)
    target_link_options(${NAME} PRIVATE -fsanitize=${BELFRY_PLUGIN_SANITIZE})
    if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
      target_link_options(${NAME} PRIVATE -shared-libsan)
    endif()
  endif()
  set_target_properties(${NAME} PROPERTIES PREFIX "" POSITION_INDEPENDENT_CODE ON
                        C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
endfunction()

# belfry_test_plugin(NAME spec...): the test NAME_conformance, which is `belfry plugin check` of it. A filter or validator must
# take the specs.
function(belfry_test_plugin NAME)
  if(NOT BELFRY_COMMAND)
    message(FATAL_ERROR "the command `belfry` was not found: install it, or set BELFRY_COMMAND to its path")
  endif()
  add_test(NAME ${NAME}_conformance COMMAND ${BELFRY_COMMAND} plugin check $<TARGET_FILE:${NAME}> ${ARGN})
  set_tests_properties(${NAME}_conformance PROPERTIES TIMEOUT 300)
  if(BELFRY_PLUGIN_SANITIZE)
    if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
      set(SHORT_address asan)
      set(SHORT_thread tsan)
      set(RUNTIME libclang_rt.${SHORT_${BELFRY_PLUGIN_SANITIZE}}-${CMAKE_SYSTEM_PROCESSOR}.so)
    else()
      set(SHORT_address libasan.so)
      set(SHORT_thread libtsan.so)
      set(RUNTIME ${SHORT_${BELFRY_PLUGIN_SANITIZE}})
    endif()
    execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-file-name=${RUNTIME} OUTPUT_VARIABLE RUNTIME_FILE
                    OUTPUT_STRIP_TRAILING_WHITESPACE)
    if(NOT EXISTS "${RUNTIME_FILE}")
      message(FATAL_ERROR "BELFRY_PLUGIN_SANITIZE is '${BELFRY_PLUGIN_SANITIZE}': the compiler has no ${RUNTIME}; write address or thread")
    endif()
    set_tests_properties(${NAME}_conformance PROPERTIES TIMEOUT 1200 ENVIRONMENT "LD_PRELOAD=${RUNTIME_FILE}")
  endif()
endfunction()
