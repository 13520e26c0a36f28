#pragma once

#include <memory>
#include <string>

#include "common/base/result.hpp"
#include "common/base/watched_file.hpp"
#include "common/http/tls_config.hpp"
#include "common/http/tls_context.hpp"

namespace stormlog::http {

// Whether load() would succeed; and refuses options that do nothing without tls-certificate, so
// that nobody thinks that he has TLS.
Result<void> check_tls(const TlsConfig& config);

// Certificate, key and client CA in their files, which may be replaced while the server runs.
//
// Threads:  caller synchronises.
// Blocking: reads small files.
// Errors:   permanent, naming the file.
class TlsIdentity {
 public:
  static Result<std::unique_ptr<TlsIdentity>> load(const TlsConfig& config);

  // What new connections use.
  const std::shared_ptr<TlsContext>& context() const { return context_; }
  // Looks at the files. True where a changed set has taken effect; an error, told once, where what
  // changed is no good, and context() stays as it was. A key and a certificate that are replaced
  // one after the other may not fit for a moment; the next look finds them complete.
  Result<bool> reload();

 private:
  struct Part {
    explicit Part(const std::string& path) : file(path) {}
    WatchedFile file;
    Result<std::string> content = std::string();
  };

  explicit TlsIdentity(const TlsConfig& config);
  Result<std::shared_ptr<TlsContext>> make() const;

  TlsConfig config_;
  Part certificate_;
  Part key_;
  Part client_ca_;
  std::shared_ptr<TlsContext> context_;
};

}  // namespace stormlog::http
