#include "common/base/version.hpp"

namespace stormlog {

std::string_view program_version() {
  return STORMLOG_VERSION;
}

}  // namespace stormlog
