# Installs the resilience library with what it needs of common/base, for
# find_package(stormlog_resilience). Component: resilience.
#
# The installed headers are <stormlog/resilience/...>: their includes of each other are rewritten to
# that, so that a user's own common/ or resilience/ is never mistaken for ours. The same headers are
# made in the build folder, for the examples and for add_subdirectory().

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(public_headers
  common/base/clock.hpp
  common/base/random.hpp
  common/base/result.hpp
  resilience/bulkhead.hpp
  resilience/circuit_breaker.hpp
  resilience/deadline.hpp
  resilience/event.hpp
  resilience/outcome.hpp
  resilience/policy.hpp
  resilience/prometheus.hpp
  resilience/rate_limiter.hpp
  resilience/refusal.hpp
  resilience/retry.hpp
  resilience/retry_budget.hpp
  resilience/sleeper.hpp
  resilience/time_limiter.hpp
  resilience/verdict.hpp
  # Not for users, but included by the above.
  resilience/breaker_hot.hpp
  resilience/state_word.hpp
  resilience/striped_counter.hpp
  resilience/success_stripes.hpp
  resilience/thread_ordinal.hpp)

set(staged "${PROJECT_BINARY_DIR}/resilience-include")
foreach(header ${public_headers})
  set(source "${PROJECT_SOURCE_DIR}/src/${header}")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${source}")
  file(READ "${source}" text)
  string(REGEX REPLACE "#include \"(common|resilience)/" "#include \"stormlog/\\1/" text "${text}")
  # Unlike file(WRITE) it leaves a file alone that would not change.
  file(GENERATE OUTPUT "${staged}/stormlog/${header}" CONTENT "${text}")
endforeach()

foreach(name core resilience)
  set_target_properties(stormlog_${name} PROPERTIES
    EXPORT_NAME ${name}
    POSITION_INDEPENDENT_CODE ON)
  target_compile_features(stormlog_${name} PUBLIC cxx_std_20)
  target_include_directories(stormlog_${name} PUBLIC
    "$<BUILD_INTERFACE:${staged}>" "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
endforeach()

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/stormlog_resilience")
install(TARGETS stormlog_core stormlog_resilience EXPORT stormlog_resilience
  ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT resilience)
install(DIRECTORY "${staged}/stormlog"
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT resilience)
install(EXPORT stormlog_resilience
  FILE stormlog_resilienceTargets.cmake NAMESPACE stormlog::
  DESTINATION "${package_dir}" COMPONENT resilience)

file(WRITE "${PROJECT_BINARY_DIR}/stormlog_resilienceConfig.cmake" [[
include(CMakeFindDependencyMacro)
find_dependency(Threads)
include("${CMAKE_CURRENT_LIST_DIR}/stormlog_resilienceTargets.cmake")
]])
write_basic_package_version_file("${PROJECT_BINARY_DIR}/stormlog_resilienceConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/stormlog_resilienceConfig.cmake"
  "${PROJECT_BINARY_DIR}/stormlog_resilienceConfigVersion.cmake"
  DESTINATION "${package_dir}" COMPONENT resilience)
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" "${PROJECT_SOURCE_DIR}/src/resilience/README.md"
  DESTINATION "${CMAKE_INSTALL_DATAROOTDIR}/doc/stormlog_resilience" COMPONENT resilience)
