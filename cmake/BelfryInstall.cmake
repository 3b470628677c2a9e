# The SDK as a package: find_package(Belfry) gives Belfry::client (and Belfry::protocol, Belfry::base; Belfry::recipes for locks; Belfry::discovery for services, Belfry::balance to choose between their instances; Belfry::values for documents, which
# needs libyaml-cpp-dev and libtomlplusplus-dev); pkg-config gives belfry.
# It is the component `sdk`: cmake --install BUILD --component sdk; with the component `command` (the program belfry) it is all that an
# author of plugins needs. tests/integration/package_test.cmake and scaffold_test.cmake use it as strangers.
include(CMakePackageConfigHelpers)

set(BELFRY_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/Belfry)
set(BELFRY_INCLUDE_DIR ${CMAKE_INSTALL_INCLUDEDIR}/belfry)

if(NOT TARGET belfry_client OR NOT TARGET belfry_protocol)
  return()
endif()
target_compile_features(belfry_base PUBLIC cxx_std_20)
target_link_libraries(belfry_client PRIVATE Threads::Threads)
foreach(PART base protocol client recipes discovery balance values)
  set_target_properties(belfry_${PART} PROPERTIES EXPORT_NAME ${PART})
  target_include_directories(belfry_${PART} PUBLIC $<INSTALL_INTERFACE:${BELFRY_INCLUDE_DIR}>)
endforeach()
install(TARGETS belfry_base belfry_protocol belfry_client belfry_recipes belfry_discovery belfry_balance belfry_values EXPORT BelfryTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT sdk)
install(EXPORT BelfryTargets NAMESPACE Belfry:: DESTINATION ${BELFRY_PACKAGE_DIR} COMPONENT sdk)
# Headers keep their place below sdk/, so that they read the same installed and in the tree.
foreach(FOLDER base protocol client recipes discovery balance values plugin)
  install(DIRECTORY ${CMAKE_SOURCE_DIR}/sdk/${FOLDER} DESTINATION ${BELFRY_INCLUDE_DIR}/sdk COMPONENT sdk
          FILES_MATCHING PATTERN "*.hpp" PATTERN "*.h")
endforeach()

configure_package_config_file(${CMAKE_SOURCE_DIR}/cmake/BelfryConfig.cmake.in ${CMAKE_BINARY_DIR}/BelfryConfig.cmake
                              INSTALL_DESTINATION ${BELFRY_PACKAGE_DIR})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/BelfryConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/BelfryConfig.cmake ${CMAKE_BINARY_DIR}/BelfryConfigVersion.cmake
              ${CMAKE_SOURCE_DIR}/cmake/BelfryPlugin.cmake
        DESTINATION ${BELFRY_PACKAGE_DIR} COMPONENT sdk)

# The way from the .pc file up to the prefix, so that the package may be installed or moved anywhere.
file(RELATIVE_PATH BELFRY_PC_UP /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(${CMAKE_SOURCE_DIR}/cmake/belfry.pc.in ${CMAKE_BINARY_DIR}/belfry.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/belfry.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT sdk)
install(FILES ${CMAKE_SOURCE_DIR}/packaging/belfry.toml DESTINATION ${CMAKE_INSTALL_DOCDIR})
