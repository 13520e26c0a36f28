#pragma once

#include <string>

namespace stormlog::http {

// Where a server's side of TLS comes from, see TlsIdentity. All files are PEM.
struct TlsConfig {
  std::string certificate;               // file; "" = no TLS
  std::string key;                       // file
  std::string client_ca;                 // file; "" = clients are not asked for a certificate
  std::string client_auth = "required";  // with client_ca: required, optional

  bool enabled() const { return !certificate.empty(); }
  bool requires_client_certificate() const {
    return enabled() && !client_ca.empty() && client_auth == "required";
  }
};

}  // namespace stormlog::http
