# For authors of plugins; find_package(Belfry) includes it, and so does our own tree for examples/.

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
  set_target_properties(${NAME} PROPERTIES PREFIX "" POSITION_INDEPENDENT_CODE ON
                        C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
endfunction()

# belfry_test_plugin(NAME): the test NAME_conformance, which is `belfry plugin check` of it.
function(belfry_test_plugin NAME)
  if(NOT BELFRY_COMMAND)
    message(FATAL_ERROR "the command `belfry` was not found: install it, or set BELFRY_COMMAND to its path")
  endif()
  add_test(NAME ${NAME}_conformance COMMAND ${BELFRY_COMMAND} plugin check $<TARGET_FILE:${NAME}>)
  set_tests_properties(${NAME}_conformance PROPERTIES TIMEOUT 300)
endfunction()
