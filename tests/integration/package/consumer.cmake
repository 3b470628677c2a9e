# A program outside the source tree that uses the installed SDK.
cmake_minimum_required(VERSION 3.25)
project(consumer LANGUAGES CXX)
find_package(Belfry 0.1 REQUIRED)
add_executable(consumer consumer.cpp)
target_link_libraries(consumer PRIVATE Belfry::client Belfry::discovery Belfry::recipes)
add_executable(reader reader.cpp)
target_link_libraries(reader PRIVATE Belfry::client Belfry::values)
