#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string>

#include "common/base/clock.hpp"
#include "common/base/result.hpp"

typedef struct ssl_st SSL;  // NOLINT: OpenSSL's own declaration

namespace stormlog::http {

// Whether a client must show a certificate of `client_ca`.
enum class ClientCertificate { not_asked, optional, required };

// The content of the files, PEM.
struct TlsMaterial {
  std::string certificate;  // the server's own first, then the rest of its chain
  std::string key;          // without a passphrase
  std::string client_ca;    // whose clients are known; used unless they are not asked
  ClientCertificate client = ClientCertificate::not_asked;
};

// A server's side of TLS, as connections use it from their beginning to their end: TLS 1.2 with
// ECDHE and AEAD ciphers, or 1.3; HTTP/1.1 by ALPN; no renegotiation, no compression; sessions are
// resumed by tickets, whose keys die with this object, so that a replaced CA is asked for anew.
//
// Threads:  after make() its connections share it on one thread.
// Lifetime: kept by each of its connections.
// Errors:   permanent, naming the part that is no good: "the key does not belong to the
//           certificate".
// Source:   RFC 8446, RFC 9325 (BCP 195), RFC 7301.
class TlsContext {
 public:
  static Result<std::shared_ptr<TlsContext>> make(const TlsMaterial& material);

  boost::asio::ssl::context& context() { return context_; }
  // When the server's certificate ends, and its subject.
  WallTime expiry() const { return expiry_; }
  const std::string& subject() const { return subject_; }

 private:
  TlsContext();

  boost::asio::ssl::context context_;
  WallTime expiry_{};
  std::string subject_;
};

// "CN=shop,O=Example" of the certificate that the client has shown and that was verified; "" where
// it has shown none. Source: RFC 2253.
std::string peer_subject(SSL* connection);

}  // namespace stormlog::http
