# Installs the SDK into an empty prefix and uses it as a stranger would: through find_package, and through pkg-config.
#   cmake -D BUILD=... -D SOURCE=<this folder>/package -D COMPILER=... -D FLAGS=... -P package_test.cmake
set(WORK ${BUILD}/package_test)
file(REMOVE_RECURSE ${WORK})

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE RESULT OUTPUT_VARIABLE OUTPUT ERROR_VARIABLE OUTPUT TIMEOUT 240)
  if(NOT RESULT EQUAL 0)
    list(JOIN ARGN " " LINE)
    message(FATAL_ERROR "${LINE}\nended with ${RESULT}:\n${OUTPUT}")
  endif()
  set(OUTPUT "${OUTPUT}" PARENT_SCOPE)
endfunction()

run(${CMAKE_COMMAND} --install ${BUILD} --component sdk --prefix ${WORK}/prefix)
file(COPY ${SOURCE}/consumer.cpp ${SOURCE}/reader.cpp DESTINATION ${WORK}/consumer)
file(COPY_FILE ${SOURCE}/consumer.cmake ${WORK}/consumer/CMakeLists.txt)  # no CMakeLists.txt here: ours would take it in

run(${CMAKE_COMMAND} -S ${WORK}/consumer -B ${WORK}/found -D CMAKE_PREFIX_PATH=${WORK}/prefix
    -D CMAKE_CXX_COMPILER=${COMPILER} -D CMAKE_CXX_FLAGS=${FLAGS})
run(${CMAKE_COMMAND} --build ${WORK}/found)
run(${WORK}/found/consumer)
run(${WORK}/found/reader)

file(GLOB_RECURSE PC ${WORK}/prefix/belfry.pc)
if(NOT PC)
  message(FATAL_ERROR "no belfry.pc was installed")
endif()
get_filename_component(PC_DIRECTORY ${PC} DIRECTORY)
# Moved as a whole: nothing may remember where it was installed.
file(RELATIVE_PATH PC_DIRECTORY ${WORK}/prefix ${PC_DIRECTORY})
file(RENAME ${WORK}/prefix ${WORK}/moved)
set(ENV{PKG_CONFIG_PATH} ${WORK}/moved/${PC_DIRECTORY})
foreach(MODE "" --static)
  run(pkg-config --cflags --libs ${MODE} belfry)
  separate_arguments(LIBS UNIX_COMMAND "${OUTPUT}")
  separate_arguments(OWN UNIX_COMMAND "${FLAGS}")
  run(${COMPILER} -std=c++20 ${OWN} ${WORK}/consumer/consumer.cpp -o ${WORK}/piped${MODE} ${LIBS})
  run(${WORK}/piped${MODE})
endforeach()
file(REMOVE_RECURSE ${WORK})
