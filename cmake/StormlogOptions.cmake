# Language level, warnings, sanitizers, compiler cache: what every target shares.

option(STORMLOG_ONLY_RESILIENCE "Build and install the resilience library alone, see src/resilience" OFF)
# Who wants the library alone has neither our test frameworks nor, perhaps, our compiler.
if(STORMLOG_ONLY_RESILIENCE)
  set(stormlog_default OFF)
else()
  set(stormlog_default ON)
endif()
option(STORMLOG_TESTS "Build the tests" ${stormlog_default})
option(STORMLOG_BENCH "Build the micro benchmarks" ${stormlog_default})
option(STORMLOG_WERROR "Treat warnings as errors" ${stormlog_default})
option(STORMLOG_FUZZ "Build the fuzzers of tests/fuzz instead of the replay of their corpus (Clang)" OFF)
set(STORMLOG_SANITIZE "" CACHE STRING "Sanitizers, comma separated: address,undefined or thread")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")

find_program(STORMLOG_CCACHE ccache)
if(STORMLOG_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${STORMLOG_CCACHE}")
endif()

add_library(stormlog_options INTERFACE)
target_compile_options(stormlog_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor
  -Woverloaded-virtual)
if(STORMLOG_WERROR)
  target_compile_options(stormlog_options INTERFACE -Werror)
endif()
set(STORMLOG_UNIT_TIMEOUT 120)  # seconds
if(STORMLOG_SANITIZE)
  set(STORMLOG_UNIT_TIMEOUT 1200)
  add_compile_options(-fsanitize=${STORMLOG_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${STORMLOG_SANITIZE})
  if(STORMLOG_SANITIZE MATCHES "thread")
    # GCC warns that std::atomic_thread_fence is not modelled; Boost.Asio uses it.
    add_compile_options(-Wno-tsan)
  endif()
endif()
if(STORMLOG_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "libFuzzer is Clang's: use the preset fuzz, or scripts/fuzz.sh")
  endif()
  # The coverage that steers it, in all code. What a sanitizer finds ends the run.
  add_compile_options(-fsanitize=fuzzer-no-link -fno-sanitize-recover=all)
  add_link_options(-fsanitize=fuzzer-no-link)
endif()
