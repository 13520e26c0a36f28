# Everything from the distribution's packages (see setup.sh for their names).
# Include folders are SYSTEM, so that only our own code meets our warnings.

find_package(Threads REQUIRED)
if(STORMLOG_TESTS)
  find_package(GTest REQUIRED)
  include(GoogleTest)
endif()
if(STORMLOG_BENCH)
  find_package(benchmark REQUIRED)
endif()
if(STORMLOG_ONLY_RESILIENCE)
  return()
endif()
find_package(OpenSSL REQUIRED)
find_package(ZLIB REQUIRED)
find_package(CURL REQUIRED)
find_package(Boost 1.74 REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(simdjson REQUIRED)
find_package(Snappy REQUIRED)
find_package(prometheus-cpp REQUIRED COMPONENTS core)
find_package(PkgConfig REQUIRED)
# Headers only, without a package file for CMake or pkg-config.
find_path(PROTOZERO_INCLUDE_DIR protozero/pbf_reader.hpp REQUIRED)
add_library(protozero INTERFACE)
target_include_directories(protozero SYSTEM INTERFACE "${PROTOZERO_INCLUDE_DIR}")
pkg_check_modules(rdkafka REQUIRED IMPORTED_TARGET rdkafka)
if(STORMLOG_SANITIZE MATCHES "thread")
  # Shared and first, so that librdkafka finds it before glibc.
  add_library(stormlog_c11_threads SHARED "${PROJECT_SOURCE_DIR}/tests/support/sanitizer/c11_threads.c")
  target_link_options(stormlog_c11_threads INTERFACE "LINKER:--no-as-needed")
  set_property(TARGET PkgConfig::rdkafka APPEND PROPERTY INTERFACE_LINK_LIBRARIES stormlog_c11_threads)
endif()
pkg_check_modules(libpq REQUIRED IMPORTED_TARGET libpq)
pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(hiredis REQUIRED IMPORTED_TARGET hiredis)

# For the services: what one of their threads allocates another frees, which glibc takes a tenth of
# their time for. Sanitizers bring an allocator of their own.
add_library(stormlog_allocator INTERFACE)
if(NOT STORMLOG_SANITIZE)
  pkg_check_modules(jemalloc REQUIRED IMPORTED_TARGET jemalloc)
  target_link_libraries(stormlog_allocator INTERFACE PkgConfig::jemalloc)
  target_sources(stormlog_allocator INTERFACE "${PROJECT_SOURCE_DIR}/src/common/service/allocator.cpp")
endif()

# Boost is used as headers only; Asio is compiled once, in common/http.
add_library(stormlog_asio INTERFACE)
target_link_libraries(stormlog_asio INTERFACE Boost::headers Threads::Threads OpenSSL::SSL)
target_compile_definitions(stormlog_asio INTERFACE
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED BOOST_BEAST_SEPARATE_COMPILATION)
# When it optimises, GCC inlines only one half of Asio's pair of operators for coroutine frames, and
# warns that they do not match.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(stormlog_asio INTERFACE -Wno-mismatched-new-delete)
endif()
# Clang 14 cannot mark coroutines for UBSan's check of calls through pointers ("Cannot represent a
# difference across sections").
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND STORMLOG_SANITIZE MATCHES "undefined")
  target_compile_options(stormlog_asio INTERFACE -fno-sanitize=function)
endif()
