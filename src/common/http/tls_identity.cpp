#include "common/http/tls_identity.hpp"

namespace stormlog::http {

Result<void> check_tls(const TlsConfig& config) {
  if (!config.enabled()) {
    if (config.key.empty() && config.client_ca.empty()) return {};
    return Error::permanent(std::string(config.key.empty() ? "tls-client-ca" : "tls-key") +
                            " does nothing without a tls-certificate");
  }
  const auto loaded = TlsIdentity::load(config);
  return loaded.ok() ? Result<void>() : loaded.error();
}

TlsIdentity::TlsIdentity(const TlsConfig& config)
    : config_(config),
      certificate_(config.certificate),
      key_(config.key),
      client_ca_(config.client_ca) {}

Result<std::unique_ptr<TlsIdentity>> TlsIdentity::load(const TlsConfig& config) {
  if (config.key.empty()) {
    return Error::permanent("tls-certificate needs a tls-key, the file of its private key");
  }
  std::unique_ptr<TlsIdentity> made(new TlsIdentity(config));
  if (const auto loaded = made->reload(); !loaded.ok()) return loaded.error();
  return made;
}

Result<std::shared_ptr<TlsContext>> TlsIdentity::make() const {
  TlsMaterial material;
  if (!certificate_.content.ok()) return certificate_.content.error().in("tls-certificate");
  if (!key_.content.ok()) return key_.content.error().in("tls-key");
  material.certificate = *certificate_.content;
  material.key = *key_.content;
  std::string files = config_.certificate + ", " + config_.key;
  if (!config_.client_ca.empty()) {
    if (!client_ca_.content.ok()) return client_ca_.content.error().in("tls-client-ca");
    material.client_ca = *client_ca_.content;
    material.client = config_.client_auth == "optional" ? ClientCertificate::optional
                                                        : ClientCertificate::required;
    files += ", " + config_.client_ca;
  }
  auto made = TlsContext::make(material);
  if (!made.ok()) return made.error().in(files);
  return made;
}

Result<bool> TlsIdentity::reload() {
  bool changed = false;
  for (Part* part : {&certificate_, &key_, &client_ca_}) {
    if (part->file.path().empty()) continue;
    if (auto content = part->file.changed()) {
      part->content = *std::move(content);
      changed = true;
    }
  }
  if (!changed) return false;
  auto made = make();
  if (!made.ok()) return made.error();
  context_ = *std::move(made);
  return true;
}

}  // namespace stormlog::http
