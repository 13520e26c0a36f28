# stormlog_module(NAME SOURCES a.cpp ... [TESTS a_test.cpp ...] [LINKS lib ...] [TEST_LINKS lib ...])
#
# Adds the static library stormlog::NAME from the calling folder, and one test program NAME_test
# that ctest knows by its single tests under the label `unit`. A module may include only what it
# links: LINKS is therefore the dependency list, and tests/architecture checks it.
function(stormlog_module name)
  cmake_parse_arguments(M "" "" "SOURCES;TESTS;LINKS;TEST_LINKS" ${ARGN})
  add_library(stormlog_${name} STATIC ${M_SOURCES})
  add_library(stormlog::${name} ALIAS stormlog_${name})
  target_include_directories(stormlog_${name} PUBLIC
    "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>")
  target_link_libraries(stormlog_${name} PUBLIC ${M_LINKS})
  # Not linked: an exported target would name stormlog_options too.
  target_compile_options(stormlog_${name} PRIVATE
    "$<TARGET_PROPERTY:stormlog_options,INTERFACE_COMPILE_OPTIONS>")
  if(STORMLOG_TESTS AND M_TESTS)
    add_executable(${name}_test ${M_TESTS})
    target_link_libraries(${name}_test PRIVATE
      stormlog_${name} ${M_TEST_LINKS} stormlog_options GTest::gmock GTest::gtest_main)
    gtest_discover_tests(${name}_test
      TEST_PREFIX "${name}." PROPERTIES LABELS unit TIMEOUT ${STORMLOG_UNIT_TIMEOUT} DISCOVERY_TIMEOUT 60)
  endif()
endfunction()
