#include "pipeline/auth/audit.hpp"

#include "common/base/log.hpp"

namespace stormlog::pipeline {

void audit(const http::Request& request, std::string_view action, std::string_view target,
           std::string_view result) {
  log::write(log::Level::warn, "audit",
             {{"action", action},
              {"target", target},
              {"result", result},
              {"token", request.token_name},
              {"certificate", request.certificate},
              {"remote", request.remote},
              {"traceparent", request.headers.get("traceparent")}});
}

}  // namespace stormlog::pipeline
