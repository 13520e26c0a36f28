#include "common/http/tls_context.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <ctime>
#include <string_view>
#include <utility>
#include <vector>

namespace stormlog::http {
namespace {

// All with forward secrecy and authenticated encryption; those of TLS 1.3 are so by themselves.
constexpr const char* kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr unsigned char kSessionContext[] = "stormlog";

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

Owned<BIO> reader(const std::string& text) {
  return Owned<BIO>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// What OpenSSL has to say, and its queue empty again.
Error failure(const std::string& what) {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return Error::permanent(reason == nullptr ? what : what + " (" + reason + ")");
}

// OpenSSL would ask on the terminal otherwise.
int no_passphrase(char*, int, int, void*) {
  return 0;
}

Result<std::vector<Owned<X509>>> read_certificates(const std::string& pem, const char* what) {
  const Owned<BIO> bio = reader(pem);
  std::vector<Owned<X509>> found;
  while (X509* one = PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr)) {
    found.emplace_back(one);
  }
  // The end of the text is reported as a line that does not start a block.
  const unsigned long code = ERR_peek_last_error();
  const bool at_end =
      ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
  if (!found.empty() && at_end) {
    ERR_clear_error();
    return found;
  }
  return failure(std::string("the ") + what +
                 " is not PEM; it starts with -----BEGIN CERTIFICATE-----");
}

Result<void> use_certificate(SSL_CTX* context, const std::vector<Owned<X509>>& chain) {
  if (SSL_CTX_use_certificate(context, chain.front().get()) != 1) {
    return failure("the certificate cannot be used");
  }
  for (std::size_t i = 1; i < chain.size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context, chain[i].get()) != 1) {
      return failure("certificate " + std::to_string(i + 1) + " of the chain cannot be used");
    }
  }
  return {};
}

Result<void> use_key(SSL_CTX* context, const std::string& pem) {
  const Owned<BIO> bio = reader(pem);
  const Owned<EVP_PKEY> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  if (key == nullptr) {
    return failure(
        "the key is not PEM without a passphrase; it starts with -----BEGIN PRIVATE KEY-----");
  }
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 || SSL_CTX_check_private_key(context) != 1) {
    return failure("the key does not belong to the certificate");
  }
  return {};
}

Result<void> use_client_ca(SSL_CTX* context, const TlsMaterial& material) {
  if (material.client == ClientCertificate::not_asked) return {};
  const auto authorities = read_certificates(material.client_ca, "client CA");
  if (!authorities.ok()) return authorities.error();
  for (const auto& authority : *authorities) {
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority.get()) != 1 ||
        SSL_CTX_add_client_CA(context, authority.get()) != 1) {
      return failure("the client CA cannot be used");
    }
  }
  const bool required = material.client == ClientCertificate::required;
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                     nullptr);
  return {};
}

// HTTP/1.1 where the client names it; else the connection goes on without, as if it had not asked.
int select_protocol(SSL*, const unsigned char** out, unsigned char* out_length,
                    const unsigned char* offered, unsigned int offered_length, void*) {
  constexpr std::string_view kHttp = "http/1.1";
  for (unsigned int at = 0; at < offered_length;) {
    const unsigned int length = offered[at];
    if (at + 1 + length > offered_length) break;
    const unsigned char* name = offered + at + 1;
    if (std::string_view(reinterpret_cast<const char*>(name), length) == kHttp) {
      *out = name;
      *out_length = static_cast<unsigned char>(length);
      return SSL_TLSEXT_ERR_OK;
    }
    at += 1 + length;
  }
  return SSL_TLSEXT_ERR_NOACK;
}

Result<void> set_up(SSL_CTX* context) {
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // Thousands of connections may be idle: each would keep 34 KB of buffers.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_alpn_select_cb(context, select_protocol, nullptr);
  if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(context, kCiphers) != 1 ||
      SSL_CTX_set_session_id_context(context, kSessionContext, sizeof kSessionContext - 1) != 1) {
    return failure("OpenSSL cannot be set up");
  }
  return {};
}

std::string subject_of(X509* certificate) {
  const Owned<BIO> bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &text);
  return length > 0 ? std::string(text, static_cast<std::size_t>(length)) : std::string();
}

WallTime end_of(const X509* certificate) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &parts) != 1) return WallTime{};
  return WallTime{std::chrono::seconds{::timegm(&parts)}};
}

}  // namespace

TlsContext::TlsContext() : context_(boost::asio::ssl::context::tls_server) {}

Result<std::shared_ptr<TlsContext>> TlsContext::make(const TlsMaterial& material) {
  ERR_clear_error();
  const auto chain = read_certificates(material.certificate, "certificate");
  if (!chain.ok()) return chain.error();
  std::shared_ptr<TlsContext> made(new TlsContext);
  SSL_CTX* context = made->context_.native_handle();
  for (const auto& step : {set_up(context), use_certificate(context, *chain),
                           use_key(context, material.key), use_client_ca(context, material)}) {
    if (!step.ok()) return step.error();
  }
  made->expiry_ = end_of(chain->front().get());
  made->subject_ = subject_of(chain->front().get());
  return made;
}

std::string peer_subject(SSL* connection) {
  const Owned<X509> certificate(SSL_get1_peer_certificate(connection));
  if (certificate == nullptr || SSL_get_verify_result(connection) != X509_V_OK) return {};
  return subject_of(certificate.get());
}

}  // namespace stormlog::http
